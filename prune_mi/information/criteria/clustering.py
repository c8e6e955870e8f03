"""Information in clustered layer outputs: the paper's estimator, and one that serves deep networks.

Both cluster the features of a tensor and take the mutual information of cluster and class; they
differ in what they cluster. Measured on a residual network of 56 layers, pooled features with more
clusters than classes order the blocks far better than whole feature maps do.

The estimate is biased upwards by about (K - 1)(C - 1) / (2 N ln 2) bits for K clusters, C classes
and N samples (Paninski 2003); with equal K, C and N the bias cancels in gains.

Source of `paper`: Namekawa & Tezuka (2019), DEIM Forum A3-4.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from prune_mi.information.criteria.ends import Bits, Estimator, gains_at_ends
from prune_mi.information.mutual_information import information_bits, joint_distributions
from prune_mi.information.question import Answer, Question


def kmeans(question: Question) -> Answer:
    """Global average pooling, standardised, k-means with more clusters than classes."""
    clusters = question.settings.num_clusters or 3 * question.num_classes
    return gains_at_ends(question, _clustering(clusters, restarts=3), reduction="pool")


def paper(question: Question) -> Answer:
    """The paper's own: whole feature maps, as many clusters as classes.

    Maps wider than 256 are projected to 256 dimensions at random inside the forward pass; distances
    survive that (Johnson & Lindenstrauss 1984) and it is 14 times faster.
    """
    estimate = _clustering(question.num_classes, restarts=1, standardise=False)
    return gains_at_ends(question, estimate, reduction="project")


def _clustering(num_clusters: int, *, restarts: int, standardise: bool = True) -> Estimator:
    def estimate(features: np.ndarray, labels: np.ndarray, seed: int) -> Bits:
        count = min(num_clusters, len(features))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points
            clusters = KMeans(count, n_init=restarts, random_state=seed).fit_predict(
                standardised(features) if standardise else features
            )
        assigned, num_classes = np.eye(count)[clusters], int(labels.max()) + 1

        def bits(weights: np.ndarray) -> np.ndarray:
            joint = joint_distributions(assigned, labels, weights, num_classes=num_classes)
            return information_bits(joint)

        return bits

    return estimate


def standardised(features: np.ndarray) -> np.ndarray:
    """Features of mean 0 and deviation 1; constant ones stay constant."""
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0))
