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
        gain_bits: What the unit adds; of some criteria in another measure than bits, see `Ranking`.
        gain_low, gain_high: 95 % confidence interval of the gain.
        probability_least: That the unit is among the k of least gain.
        rank: 0 goes first.
        macs, num_params: What would go.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    information_bits: float
    information_low: float
    information_high: float
    gain_bits: float
    gain_low: float
    gain_high: float
    probability_least: float
    rank: int
    macs: int
    num_params: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """What `prune-mi rank` found out.

    Attributes:
        measure: Of the gains: `bit`, `accuracy` and `share` (fractions), or `score`.
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
