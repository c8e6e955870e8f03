"""The records that cross module boundaries: frozen, typed, plain data."""

from prune_mi.records.children import (
    ChildRecord,
    Effect,
    GenerationRecord,
    MorphRecord,
    Place,
    Reason,
    Verdict,
)
from prune_mi.records.evaluation import (
    Check,
    ClassQuality,
    Comparison,
    Decision,
    EvaluatedModel,
    Evaluation,
    GateResult,
)
from prune_mi.records.in_memory import in_memory, is_in_memory
from prune_mi.records.models import (
    Average,
    Averaged,
    Conversion,
    Cost,
    FrontierPoint,
    ModelFacts,
    ModelSource,
)
from prune_mi.records.observer import Observer, SilentObserver
from prune_mi.records.predictions import ImagePrediction, ImageValues, Predictions
from prune_mi.records.ranking import Ranking, RankingRow
from prune_mi.records.reports import RunReport, SearchReport, UnfinishedReport
from prune_mi.records.trained import (
    ClassFacts,
    LimitFacts,
    RecalibratedModel,
    Recalibration,
    Statistics,
    StatisticsCandidate,
    TrainedChild,
)

__all__ = [
    "Average",
    "Averaged",
    "Check",
    "ChildRecord",
    "ClassFacts",
    "ClassQuality",
    "Comparison",
    "Conversion",
    "Cost",
    "Decision",
    "Effect",
    "EvaluatedModel",
    "Evaluation",
    "FrontierPoint",
    "GateResult",
    "GenerationRecord",
    "ImagePrediction",
    "ImageValues",
    "LimitFacts",
    "ModelFacts",
    "ModelSource",
    "MorphRecord",
    "Observer",
    "Place",
    "Predictions",
    "Ranking",
    "RankingRow",
    "Reason",
    "RecalibratedModel",
    "Recalibration",
    "RunReport",
    "SearchReport",
    "SilentObserver",
    "Statistics",
    "StatisticsCandidate",
    "TrainedChild",
    "UnfinishedReport",
    "Verdict",
    "in_memory",
    "is_in_memory",
]
