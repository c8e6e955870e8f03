"""What a run is to reach: costs made small, targets kept, and how much quality that may take.

Three kinds of objective follow from that. Quality is the metric that is kept, such as accuracy.

- No cost is to be made small: the best model is the one of highest quality, whatever it costs.
- Costs without targets: the cheapest within what may be lost; of equals that of higher quality.
- Targets: whatever is over one is worse than what is under all of them, by how far it is over; of
  those under them, the one of highest quality.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prune_mi.config import OptimizeSettings
from prune_mi.costs.catalog import cost_kind
from prune_mi.costs.kind import CostKind
from prune_mi.errors import ConfigError
from prune_mi.records import Cost

# What the most accurate model is told by where nothing is to be made small.
_TOLD_BY = "macs"


@dataclass(frozen=True, slots=True)
class Target:
    """What one cost may be at most."""

    kind: CostKind
    most: float

    def excess(self, cost: Cost) -> float:
        """How far over it a network is, as a share of it; 0 within."""
        return max(0.0, cost.amounts[self.kind.name] / self.most - 1)


@dataclass(frozen=True, slots=True)
class Objective:
    """Compares and orders networks by what they cost and how good they are.

    Attributes:
        costs: What is to be made small; empty: nothing, the best quality is asked for.
        targets: What costs may be at most.
        may_lose: Quality that may be lost against the original, a fraction; None: that is not
            asked.
    """

    costs: tuple[CostKind, ...]
    targets: tuple[Target, ...] = ()
    may_lose: float | None = None

    @property
    def makes_smaller(self) -> bool:
        """Whether a cost is to be made small."""
        return bool(self.costs)

    @property
    def bounds_loss(self) -> bool:
        """Whether a network that loses more than is allowed is refused for it."""
        return self.makes_smaller and self.may_lose is not None

    @property
    def told_by(self) -> CostKind:
        """The cost that progress is told by."""
        return self.costs[0] if self.costs else cost_kind(_TOLD_BY)

    def amount(self, cost: Cost) -> float:
        """What is made small: the cost, or several of them in units of their targets."""
        if len(self.targets) > 1:
            return sum(cost.amounts[each.kind.name] / each.most for each in self.targets)
        return cost.amounts[self.told_by.name]

    def saved(self, cost: Cost, than: Cost) -> float:
        """The share that one network saves of what another one costs; negative where it adds."""
        before = self.amount(than)
        return (before - self.amount(cost)) / (before or 1)

    def improves(self, cost: Cost, than: Cost) -> bool:
        """Whether one network costs less than another; where nothing is made small, always."""
        return not self.makes_smaller or self.amount(cost) < self.amount(than)

    def taken_off(self, saves: Mapping[str, int], *, num_layers: int) -> float:
        """What a removal takes off what is made small; where nothing is, layers.

        Args:
            saves: Of each cost by its name, see `graph.site.Site.saves`.
            num_layers: Calls of layers that go.
        """
        if not self.makes_smaller:
            return num_layers
        if len(self.targets) > 1:
            return sum(saves[each.kind.name] / each.most for each in self.targets)
        return saves[self.told_by.name]

    def excess(self, cost: Cost) -> float:
        """How far over its targets a network is, each as a share of the target, together."""
        return sum(each.excess(cost) for each in self.targets)

    def is_feasible(self, cost: Cost) -> bool:
        """Whether a network is under all targets."""
        return all(cost.amounts[each.kind.name] <= each.most for each in self.targets)

    def key(self, cost: Cost, quality: float) -> tuple[float, ...]:
        """What networks are ordered by, the best first: a total preorder."""
        if self.targets:
            return (self.excess(cost), -quality, self.amount(cost))
        return (self.amount(cost), -quality) if self.makes_smaller else (-quality,)


def named_objective(name: str, *, may_lose: float | None = None) -> Objective:
    """The objective of a name that `config.Objective` lists, without targets.

    Args:
        name: Of a cost, or `accuracy`.
        may_lose: See `Objective`.

    Raises:
        ConfigError: If it is neither.
    """
    if name == "accuracy":
        return Objective(costs=(), may_lose=may_lose)
    return Objective(costs=(cost_kind(name),), may_lose=may_lose)


def objective_of(settings: OptimizeSettings, original: Cost) -> Objective:
    """The objective of a run.

    Args:
        settings: The run's.
        original: What the original costs, which targets may be shares of.

    Raises:
        ConfigError: If the original is under all targets as it is.
    """
    if not settings.targets:
        return named_objective(settings.objective, may_lose=settings.allowed_drop)
    targets = []
    for name, asked in settings.targets.items():
        whole = original.amounts[name]
        targets.append(Target(cost_kind(name), asked * whole if asked <= 1 else asked))
    found = Objective(tuple(each.kind for each in targets), tuple(targets), settings.allowed_drop)
    if found.is_feasible(original):
        told = " and ".join(
            f"`target_{each.kind.name}` is {each.most:,.0f}, and the model has "
            f"{original.amounts[each.kind.name]:,} {each.kind.label}"
            for each in targets
        )
        raise ConfigError(f"{told}: it is there already; expected less")
    return found
