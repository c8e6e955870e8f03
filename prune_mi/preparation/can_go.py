"""What can go of a model, told before anything is trained; and whether that is worth a search."""

import math
from dataclasses import dataclass

from prune_mi.config import OptimizeSettings
from prune_mi.costs.objective import Target, objective_of
from prune_mi.errors import ConfigError
from prune_mi.graph.analysis.inspection import smallest_graph, what_can_go
from prune_mi.graph.channels.narrowing import narrowest
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.morphisms.mixes import resolve_mix
from prune_mi.morphisms.narrow import NARROW
from prune_mi.records import Observer
from prune_mi.report.inspection import what_can_go_text
from prune_mi.report.wording import amount_text, share_text

_LEAST = 0.01


@dataclass(frozen=True, slots=True)
class CanGo:
    """What can go.

    Attributes:
        text: In words, with the commonest reasons why the rest cannot.
        share: Of what the objective counts, in [0, 1]; None where it counts nothing.
        too_little: Whether a search is not worth its time, and was not asked for all the same.
    """

    text: str
    share: float | None
    too_little: bool


def how_much_can_go(graph: LayerGraph, settings: OptimizeSettings, observer: Observer) -> CanGo:
    """Tells the observer how much of a model can go, and why the rest cannot.

    Raises:
        ConfigError: If a target is below what is left when all that can go has gone, or above what
            the model costs.
    """
    objective = objective_of(settings, graph_cost(graph))
    if not objective.makes_smaller:
        return CanGo("", None, too_little=False)
    narrows = resolve_mix(settings.mix).get(NARROW, 0) > 0
    for target in objective.targets:
        _require_possible(graph, target, narrows, settings.channels_multiple_of)
    found = what_can_go(graph, objective.told_by.name, multiples=settings.channels_multiple_of)
    text = what_can_go_text(found)
    observer.note(text)
    share = found.share_with_channels if narrows else found.share
    return CanGo(text, share, share < _LEAST and not settings.continue_anyway)


def _require_possible(graph: LayerGraph, target: Target, narrows: bool, multiples: int) -> None:
    """Refuses a target that no removal of units, and of channels where there are any, leads to."""
    kind = target.kind
    whole = kind.count(graph)
    smallest = smallest_graph(graph, kind.name)
    least = kind.count(narrowest(smallest, multiples=multiples) if narrows else smallest)
    if target.most < least:
        share = math.ceil(1000 * least / whole) / 1000
        raise ConfigError(
            f"`target_{kind.name}` is {amount_text(kind, target.most)}, but at most "
            f"{share_text(1 - least / whole)} of the {amount_text(kind, whole)} {kind.label} of "
            f"this model can go; expected at least {least}, or {share:g} as a share. prune-mi "
            "inspect shows what stays, and why"
        )
