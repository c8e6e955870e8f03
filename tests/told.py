"""Events as a run tells them, made from what a test knows of children."""

from collections.abc import Iterator

from prune_mi.records import ChildRecord, Cost, events
from prune_mi.records.events import Event


def of_child(child: ChildRecord) -> Iterator[Event]:
    """What happens to a child until its record is as it is."""
    cost = Cost(child.num_params, child.macs, child.num_layers)
    yield events.Proposed(child.name, child.parent, child.morphs, cost)
    if child.screened_quality is not None:
        yield events.Screened(child.name, child.screened_quality, child.seconds, "weights")
    if child.trained_quality is not None:
        yield events.Trained(
            child.name, child.trained_quality, "1:gA==", child.images_trained, 0.0, 0.0, 0.0, "w"
        )
    accuracy = child.trained_quality or 0.0
    match child.verdict:
        case "accepted":
            yield events.Accepted(child.name, accuracy, 0.5)
        case "over the allowed drop":
            numbers = {"accuracy": accuracy, "required": 0.99, "margin": 0.0}
            yield events.Refused(child.name, "over the limit", numbers)
        case "not trained":
            yield events.Refused(child.name, "others save more")
        case "not better":
            numbers = {"accuracy": accuracy, "best": 0.99}
            yield events.Refused(child.name, "less accurate", numbers, "g1c1")
        case "not smaller":
            yield events.Refused(child.name, "elite is better", {}, "g1c1")
        case "failed":
            yield events.Failed(child.name, "trained", child.detail, 0.0)


def started(**settings: object) -> events.Started:
    """The first event of a run with some settings."""
    return events.Started(
        "optimize", "1", "model.keras", "m", "d", {"path": "model.keras"}, settings
    )
