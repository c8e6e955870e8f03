"""One point of a frontier, chosen by limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prune_mi.costs.catalog import cost_kind
from prune_mi.errors import ConfigError, NothingFitsError
from prune_mi.records import FrontierPoint

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """What a point must keep.

    Attributes:
        most: What costs may be, by their names: the share that remains, or above 1 an amount.
        max_drop: What may be lost of the metric on validation images, a fraction; None: any.
    """

    most: Mapping[str, float] = field(default_factory=dict)
    max_drop: float | None = None


def choose_point(
    points: Sequence[FrontierPoint],
    limits: Limits,
    *,
    costs: Mapping[str, int],
    val_metric: float,
    told_by: str,
    is_error: bool = False,
) -> FrontierPoint:
    """The best point within limits: under costs the most accurate, else the cheapest.

    Args:
        points: Of a frontier; those without weights are passed over.
        limits: At least one.
        costs: Of the original.
        val_metric: Its metric on validation images.
        told_by: The cost that points are ordered by where none is limited.
        is_error: Whether the metric is an error: then less of it is better.

    Raises:
        ConfigError: If there is no limit.
        NothingFitsError: If no point fits; the message says which is the nearest, and by how much.
    """
    if not limits.most and limits.max_drop is None:
        raise ConfigError(
            "received no limit; expected --max-macs, --max-params, --max-accuracy-drop or --name"
        )
    most = {
        name: asked * costs[name] if asked <= 1 else asked for name, asked in limits.most.items()
    }

    def lost(point: FrontierPoint) -> float:
        change = val_metric - point.val_metric
        return -change if is_error else change

    def over(point: FrontierPoint) -> dict[str, float]:
        """By how much it misses each limit that it misses."""
        found = {
            name: point.costs[name] / limit - 1
            for name, limit in most.items()
            if point.costs[name] > limit
        }
        drop = lost(point)
        if limits.max_drop is not None and drop > limits.max_drop + _ROUNDING:
            found["metric"] = drop - limits.max_drop
        return found

    there = [each for each in points if each.has_weights]
    if not there:
        raise NothingFitsError("the run found no model beside the original")
    fit = [each for each in there if not over(each)]
    if fit and most:
        return min(fit, key=lambda each: (lost(each), each.costs[told_by]))
    if fit:
        return min(fit, key=lambda each: (each.costs[told_by], lost(each)))
    nearest = min(there, key=lambda each: sum(over(each).values()))
    told = [
        f"{nearest.costs[name]:,} {cost_kind(name).label}, {by:.1%} over {most[name]:,.0f}"
        if name in most
        else f"{lost(nearest):.4f} lost on validation images, {by:.4f} more than "
        f"{limits.max_drop:g}"
        for name, by in over(nearest).items()
    ]
    raise NothingFitsError(
        f"no model of the run is within these limits. The nearest is {nearest.name}: "
        f"{'; '.join(told)}. prune-mi report shows all of them"
    )


def named_point(points: Sequence[FrontierPoint], name: str) -> FrontierPoint:
    """The point of a name.

    Raises:
        ConfigError: If there is none whose weights are kept.
    """
    there = {each.name: each for each in points if each.has_weights}
    if name not in there:
        known = ", ".join(there) or "none"
        raise ConfigError(f"the run has no model {name!r} to pick; expected one of {known}")
    return there[name]
