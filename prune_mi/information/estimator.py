"""How much a tensor's features tell about the class, in bits, however samples are weighted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from prune_mi.config import RankingSettings


class InformationEstimate(Protocol):
    """What a tensor's features tell about the class."""

    def bits(self, weights: np.ndarray) -> np.ndarray:
        """Bits under weightings of the samples.

        Args:
            weights: float `(num_weightings, n)`; rows sum to 1.

        Returns:
            float64 `(num_weightings,)`.
        """

    def corrected_bits(self, seed: int) -> float:
        """Bits without the bias of the estimate, all samples alike; `seed` permutes labels."""


# Features `(n, d)`, labels `(n,)`, a number of clusters, of those that cluster, and a seed.
Estimator = Callable[[np.ndarray, np.ndarray, int, int], InformationEstimate]
Reduction = Literal["pool", "project"]


@dataclass(frozen=True, slots=True)
class EstimatorCriterion:
    """A criterion that compares what the tensors before and behind a site tell about the class.

    Its gains are in bits, see `information.information_gain`.

    Attributes:
        estimator: Is asked about both tensors.
        reduction: How a tensor becomes features, see `information.features`.
        clusters_a_class: How many it makes; None: what the settings say, or 3.
    """

    estimator: Estimator
    reduction: Reduction = "pool"
    clusters_a_class: int | None = None

    def num_clusters(self, settings: RankingSettings, num_classes: int) -> int:
        """How many clusters the estimator is to make."""
        if self.clusters_a_class is not None:
            return self.clusters_a_class * num_classes
        return settings.num_clusters or 3 * num_classes


@dataclass(frozen=True, slots=True, eq=False)
class PointwiseInformation:
    """Information as a mean over samples, each scored by a reader that was not fitted on it.

    Attributes:
        samples: float `(n,)`, log2 q(y|x) / p(y) of each.
    """

    samples: np.ndarray

    def bits(self, weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ self.samples)

    def corrected_bits(self, seed: int) -> float:
        """See `InformationEstimate`; what was not fitted on a sample is not biased by it."""
        return float(self.samples.mean())


def standardised(features: np.ndarray) -> np.ndarray:
    """Features of mean 0 and deviation 1; constant ones become 0."""
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0))


def principal_components(features: np.ndarray, most: int, *, seed: int) -> np.ndarray:
    """Standardised features, float64 `(n, d)`; of more than `most` as many principal components."""
    points = standardised(features.astype(np.float64))
    if min(points.shape) <= most:
        return points
    from sklearn.decomposition import PCA

    return np.asarray(PCA(most, random_state=seed).fit_transform(points))
