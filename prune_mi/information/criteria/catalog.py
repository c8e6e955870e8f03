"""All criteria by name."""

from collections.abc import Callable, Mapping
from typing import Literal

from prune_mi.config import RankingSettings
from prune_mi.information.criteria.at_random import at_random
from prune_mi.information.criteria.bypass import bypass
from prune_mi.information.criteria.cka import cka
from prune_mi.information.criteria.clustering import kmeans, paper
from prune_mi.information.criteria.ends import gains_at_ends
from prune_mi.information.criteria.gate import gate
from prune_mi.information.criteria.leave_one_out import leave_one_out
from prune_mi.information.criteria.magnitude import magnitude
from prune_mi.information.criteria.probe import probe
from prune_mi.information.criteria.soft import soft
from prune_mi.information.evidence import Estimator
from prune_mi.information.features import Reduction
from prune_mi.information.question import Answer, Criterion, Question


def _at_ends(
    make: Callable[[RankingSettings, int], Estimator], reduction: Reduction = "pool"
) -> Criterion:
    def criterion(question: Question) -> Answer:
        estimate = make(question.settings, question.num_classes)
        return gains_at_ends(question, estimate, reduction=reduction)

    return criterion


CRITERIA: Mapping[str, Criterion] = {
    "bypass": bypass,
    "kmeans": _at_ends(kmeans),
    "soft": _at_ends(soft),
    "probe": _at_ends(probe),
    "paper": _at_ends(paper, "project"),
    "leave-one-out": leave_one_out,
    "gate": gate,
    "cka": cka,
    "magnitude": magnitude,
    "random": at_random,
}

# These take units out, which only works where the tensors at both ends have one shape.
BY_REMOVAL = frozenset({"bypass", "leave-one-out", "gate", "cka"})

# In what a criterion's gains are measured: bits of information, a fraction of accuracy, a share in
# [0, 1], or a score whose size means nothing beyond its order.
Measure = Literal["bit", "accuracy", "share", "score"]
MEASURES: Mapping[str, Measure] = {
    "bypass": "bit",
    "kmeans": "bit",
    "soft": "bit",
    "probe": "bit",
    "paper": "bit",
    "leave-one-out": "accuracy",
    "gate": "share",
    "cka": "share",
    "magnitude": "score",
    "random": "score",
}
