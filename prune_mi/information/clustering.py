"""Information in clustered layer outputs: the mutual information of cluster and class.

The estimate is biased upwards by about (K - 1)(C - 1) / (2 N ln 2) bits for K clusters, C classes
and N samples that say little (Paninski 2003), and by less where they say much; between the ends of
a unit most of that cancels.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from prune_mi.information.mutual_information import ClusterInformation


def clustered(
    features: np.ndarray, labels: np.ndarray, *, num_clusters: int, restarts: int, seed: int
) -> ClusterInformation:
    """In clusters by k-means, the best of several starts."""
    count = min(num_clusters, len(features))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points
        clusters = KMeans(count, n_init=restarts, random_state=seed).fit_predict(features)
    return ClusterInformation(np.eye(count)[clusters], labels)
