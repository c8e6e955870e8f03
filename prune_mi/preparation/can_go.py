"""What can go of a model, told before anything is trained; and whether that is worth a search."""

from dataclasses import dataclass

from prune_mi.config import OptimizeSettings
from prune_mi.costs.objective import named_objective
from prune_mi.graph.analysis.inspection import what_can_go
from prune_mi.graph.ir import LayerGraph
from prune_mi.records import Observer
from prune_mi.report.inspection import what_can_go_text

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
    """Tells the observer how much of a model can go, and why the rest cannot."""
    objective = named_objective(settings.objective)
    if not objective.makes_smaller:
        return CanGo("", None, too_little=False)
    found = what_can_go(graph, objective.told_by.name)
    text = what_can_go_text(found)
    observer.note(text)
    too_little = found.share < _LEAST and not settings.continue_anyway
    return CanGo(text, found.share, too_little)
