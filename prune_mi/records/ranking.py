"""What each unit of a model adds."""

from dataclasses import dataclass

from prune_mi.records.models import Cost


@dataclass(frozen=True, slots=True)
class RankingRow:
    """One unit as `prune-mi rank` shows it.

    Attributes:
        name, kind: The unit's.
        layers: The layers that would go.
        information_bits: What the tensor behind the unit tells about the class; of `kmeans` where
            the criterion does not look at tensors by themselves.
        information_low, information_high: 95 % confidence interval of that.
        score: What the unit adds, in the measure of the criterion; see `Ranking`.
        score_low, score_high: 95 % confidence interval of the score.
        probability_least: That the unit is among the k of lowest score.
        rank: 0 goes first.
        macs, num_params: What would go.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    information_bits: float
    information_low: float
    information_high: float
    score: float
    score_low: float
    score_high: float
    probability_least: float
    rank: int
    macs: int
    num_params: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """What `prune-mi rank` found out.

    Attributes:
        measure: Of the scores: `bit`, `accuracy` and `share` (fractions), or `score`.
        least: The k of `probability_least`.
        total: Cost of the whole model.
        units: Removable units that cost anything, in graph order.
    """

    model: str
    data: str
    criterion: str
    measure: str
    num_samples: int
    least: int
    total: Cost
    units: tuple[RankingRow, ...]
    seconds: float
    seed: int
    notes: tuple[str, ...]
