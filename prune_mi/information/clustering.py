"""Information in clustered layer outputs: the mutual information of cluster and class.

The estimate is biased upwards by about (K - 1)(C - 1) / (2 N ln 2) bits for K clusters, C classes
and N samples that say little (Paninski 2003), and by less where they say much; between the ends of
a unit most of that cancels.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from prune_mi.information.estimator import (
    ClusterInformation,
    Estimator,
    InformationEstimate,
    standardised,
)


def clustering(num_clusters: int, *, restarts: int, standardise: bool) -> Estimator:
    """By k-means, of as many starts the best."""

    def estimate(features: np.ndarray, labels: np.ndarray, seed: int) -> InformationEstimate:
        count = min(num_clusters, len(features))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points
            clusters = KMeans(count, n_init=restarts, random_state=seed).fit_predict(
                standardised(features) if standardise else features
            )
        return ClusterInformation(np.eye(count)[clusters], labels)

    return estimate
