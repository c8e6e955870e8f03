"""All criteria by name."""

from collections.abc import Mapping

from prune_mi.information.criteria.bypass import bypass
from prune_mi.information.criteria.clustering import kmeans, paper
from prune_mi.information.question import Criterion

CRITERIA: Mapping[str, Criterion] = {"bypass": bypass, "kmeans": kmeans, "paper": paper}
