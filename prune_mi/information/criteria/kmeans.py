"""Information in clustered pooled features: the paper's estimator for deep networks.

It differs from `paper` in what is clustered. Measured on a residual network of 56 layers, pooled
features with more clusters than classes order the blocks far better than whole feature maps do.
"""

import numpy as np

from prune_mi.information.estimator import EstimatorCriterion, InformationEstimate, standardised
from prune_mi.information.mutual_information import clustered


def kmeans(
    features: np.ndarray, labels: np.ndarray, num_clusters: int, seed: int
) -> InformationEstimate:
    """Of pooled features: standardised, k-means with more clusters than classes."""
    points = standardised(features)
    return clustered(points, labels, num_clusters=num_clusters, restarts=3, seed=seed)


CRITERION = EstimatorCriterion(kmeans)
