"""Information in softly clustered pooled features: a Gaussian mixture in place of k-means.

Each sample belongs to all clusters a little, with the mixture's posterior p(k|x):

    p(k, y) = mean over samples of p(k|x) [their class is y],    I(K; Y) of that.

Where the posteriors are 0 and 1 this is the information in hard clusters; else a sample between two
clusters no longer falls to one side or the other by chance. In many dimensions posteriors are 0 and
1 almost everywhere, so the mixture is fitted to at most 50 principal components, with one variance
for each cluster and component: a full covariance would have more numbers than there are samples.

Source: the soft clustering that Namekawa & Tezuka (2019), DEIM Forum A3-4, leave to later work; the
mixture by expectation and maximisation, Dempster, Laird & Rubin (1977).
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from prune_mi.information.estimator import (
    EstimatorCriterion,
    InformationEstimate,
    principal_components,
)
from prune_mi.information.mutual_information import ClusterInformation

_MOST_DIMENSIONS = 50
_FLOOR = 1e-2  # of a variance, where a feature's is 1: constant features have none


def soft(
    features: np.ndarray, labels: np.ndarray, num_clusters: int, seed: int
) -> InformationEstimate:
    """Of pooled features: standardised, a mixture of as many Gaussians as `kmeans` has clusters."""
    points = principal_components(features, _MOST_DIMENSIONS, seed=seed)
    mixture = GaussianMixture(
        min(num_clusters, len(points)),
        covariance_type="diag",
        reg_covar=_FLOOR,
        max_iter=50,
        tol=1e-2,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # Fewer distinct points than clusters; and fifty steps are near enough.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return ClusterInformation(mixture.fit(points).predict_proba(points), labels)


CRITERION = EstimatorCriterion(soft)
