"""What a run has come to, read from its events."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prune_mi.costs.dominance import nondominated
from prune_mi.records import (
    ChildRecord,
    FrontierPoint,
    RunReport,
    SearchReport,
    UnfinishedReport,
    events,
)
from prune_mi.records.events import Event
from prune_mi.records.generations import Generations


def report_of(
    told: Sequence[Event],
    *,
    elapsed_s: float = 0.0,
    folder: str = "",
    ended_before: bool = False,
) -> RunReport | SearchReport | UnfinishedReport:
    """The report of a run.

    Args:
        told: Its events that count, in order; the first says how it began.
        elapsed_s: What it took so far; of one that has ended, the report says that.
        folder: The run folder, likewise.
        ended_before: Whether it had ended, and goes on.
    """
    generations, reason, notes = Generations(), "", list[str]()
    began = reference = None
    best: ChildRecord | None = None
    children = dict[str, ChildRecord]()
    for event in told:
        child = generations.hear(event)
        if child is not None:
            children[child.name] = child
        match event:
            case events.Started():
                began = event
            case events.Noted():
                notes.append(event.text)
            case events.Referenced():
                reference = event
            case events.SearchEnded():
                reason = event.reason
            case events.Accepted() if child is not None:
                best = child
            case events.Limited():
                best = children.get(event.elite)
            case events.Finished():
                return replace(
                    event.report,
                    generations=tuple(generations.ended),
                    stop_reason=reason,
                    notes=tuple(notes),
                )
    if began is None:
        raise ValueError("a run without a beginning")
    return UnfinishedReport(
        command=began.command,
        model=began.model,
        data=str(began.settings.get("data", "")),
        reference=None if reference is None else reference.cost,
        reference_metric=None if reference is None else reference.told(reference.quality),
        metric_words="accuracy" if reference is None else reference.words,
        best=best,
        best_metric=_told(best, reference),
        generations=tuple(generations.ended),
        under_way=tuple(generations.children.values()),
        stop_reason=reason or None,
        elapsed_s=round(elapsed_s, 1),
        notes=tuple(notes),
        folder=folder,
        frontier=() if began.command == "search" else _frontier(generations, reference),
        ended_before=ended_before,
    )


def _told(child: ChildRecord | None, reference: events.Referenced | None) -> float | None:
    if child is None or child.trained_quality is None or reference is None:
        return None
    return reference.told(child.trained_quality)


def _frontier(
    generations: Generations, reference: events.Referenced | None
) -> tuple[FrontierPoint, ...]:
    """The children trained so far, and the start, of which none dominates another."""
    latest = {
        each.name: each
        for children in (*(each.children for each in generations.ended), _under_way(generations))
        for each in children
    }
    points = [
        FrontierPoint(each.name, each.cost.amounts, each.trained_quality, 0, False, True)
        for each in latest.values()
        if each.trained_quality is not None
    ]
    if reference is not None:
        start = FrontierPoint(
            "reference", reference.cost.amounts, reference.quality, 0, False, False
        )
        points.insert(0, start)
    found = nondominated(points, lambda each: (*each.costs.values(), -each.val_metric))
    found = sorted(found, key=lambda each: (-each.val_metric, each.costs["macs"]))
    if reference is None:
        return tuple(found)
    return tuple(replace(each, val_metric=reference.told(each.val_metric)) for each in found)


def _under_way(generations: Generations) -> tuple[ChildRecord, ...]:
    return tuple(generations.children.values())


def finished_report_of(told: Sequence[Event]) -> Any:
    """The report of a run that has ended, of the kind of its command.

    Raises:
        ValueError: If it has not.
    """
    report = report_of(told)
    if isinstance(report, UnfinishedReport):
        raise ValueError("a run without an end")
    return report
