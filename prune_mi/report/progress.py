"""What is known of a run under way, and how the live area and a line of text show it.

Who has a network found may know little of the subject, and is told of accuracies and sizes in
everyday words, once for each network, and nothing of what came before its verdict. With details
there are the changes of each network too, in the words of the field.

No input or output happens here: `console.py` owns the terminal, the clock and the lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from prune_mi.config.values import CostName
from prune_mi.costs.objective import Objective, named_objective
from prune_mi.records import ChildRecord, Cost, events
from prune_mi.records.events import Event
from prune_mi.records.generations import Generations
from prune_mi.report.wording import (
    amount_text,
    clock_text,
    count_text,
    generation_text,
    morphs_text,
    percent_text,
    printable,
    quantity_text,
    round_text,
)

_MOST_BARS = 8
_START = "reference"  # as a search calls what it starts from
_VERDICT_STYLES = {"accepted": "bold green", "failed": "bold red", "not trained": "dim"}


@dataclass(slots=True)
class Training:
    """A training under way; `started_s` and `images_before` are where its speed counts from."""

    images_done: int
    images_total: int
    started_s: float
    images_before: int

    def seconds_left(self, now_s: float) -> float | None:
        """Time to its end at its mean speed so far, or None while that is unknown."""
        seen = self.images_done - self.images_before
        if seen <= 0 or now_s <= self.started_s:
            return None
        return (self.images_total - self.images_done) * (now_s - self.started_s) / seen


@dataclass(slots=True)
class RunState:
    """What the observer has heard so far. Times are seconds on the observer's clock.

    `objective`, which a run begins with, decides which accepted child counts as best, and which
    cost is shown; under targets the best is the one accepted last. `finds` is whether a network is
    being found, not made smaller; `details` whether that is told in the words of the field.
    """

    started_s: float
    objective: Objective = field(default_factory=lambda: named_objective("macs"))
    has_targets: bool = False
    finds: bool = False
    details: bool = False
    phase: str = ""
    generation: tuple[int, int | None, str] | None = None
    deadline_s: float | None = None
    reference: events.Referenced | None = None
    best: ChildRecord | None = None
    last: ChildRecord | None = None
    trained: dict[str, ChildRecord] = field(default_factory=dict)
    accepted: dict[str, ChildRecord] = field(default_factory=dict)
    generations: Generations = field(default_factory=Generations)
    trainings: dict[str, Training] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether all is told in everyday words."""
        return self.finds and not self.details

    def hear(self, event: Event) -> ChildRecord | None:
        """Takes note of what has happened; returns the child that more is known of, or None."""
        child = self.generations.hear(event)
        match event:
            case events.Started():
                self.objective = _told_objective(event.settings)
                self.has_targets = bool(_targets(event.settings))
            case events.Referenced():
                self.reference = event
            case events.GenerationBegan():
                # Its parent is the search's own word on which child is best so far.
                self.generation = (event.index, event.total, event.parent)
                self.best = self.accepted.get(event.parent, self.best)
                self.trainings.clear()
            case events.Limited():
                self.best = self.trained.get(event.elite)
        if child is not None:
            self.last = self.trained[child.name] = child
            self.trainings.pop(child.name, None)
            if child.verdict == "accepted":
                self.accepted[child.name] = child
                if (
                    self.has_targets
                    or self.best is None
                    or self._rank(child) < self._rank(self.best)
                ):
                    self.best = child
        return child

    def hear_training(self, name: str, images_done: int, images_total: int, now_s: float) -> None:
        """Moves a training's bar, and takes it away at its end."""
        if images_done >= images_total:
            self.trainings.pop(name, None)
            return
        known = self.trainings.get(name)
        if known is None or images_done < known.images_done:
            self.trainings[name] = Training(images_done, images_total, now_s, images_done)
        else:
            known.images_done, known.images_total = images_done, images_total

    @property
    def words(self) -> str:
        """The metric."""
        return "accuracy" if self.reference is None else self.reference.words

    def told(self, quality: float) -> str:
        """A quality in three digits, as people know the metric."""
        return f"{quality if self.reference is None else self.reference.told(quality):.3f}"

    def told_plainly(self, quality: float) -> str:
        """The same in everyday words, where there are such for the metric."""
        if self.words == "accuracy":
            return f"{percent_text(quality)} right"
        return f"{self.words} {self.told(quality)}"

    def time_left_text(self, now_s: float) -> str:
        """`21:48 left`, or nothing without a budget."""
        return "" if self.deadline_s is None else f"{clock_text(self.deadline_s - now_s)} left"

    def _rank(self, record: ChildRecord) -> tuple[float, ...]:
        quality = record.trained_quality or record.screened_quality or 0.0
        return (*self.objective.key(record.cost, quality), *record.cost.amounts.values())


def _targets(settings: Mapping[str, Any]) -> list[str]:
    """Names of the costs that have targets."""
    names = get_args(CostName)
    return [name for name in names if settings.get(f"target_{name}") is not None]


def _told_objective(settings: Mapping[str, Any]) -> Objective:
    """The objective of a run as its progress is told by."""
    targets = _targets(settings)
    return named_objective(targets[0] if targets else settings.get("objective", "accuracy"))


def generation_title(index: int, total: int | None, parent: str, state: RunState) -> str:
    """Which generation it is, and what its children are made from."""
    if not state.plain:
        return f"{generation_text(index, total)} from {printable(parent)}"
    start = "the start" if parent == _START else printable(parent)
    return f"{round_text(index, total)} from {start}"


def child_parts(record: ChildRecord, state: RunState) -> list[Text]:
    """A child's line in three parts: its name, its morphisms, its figures and verdict."""
    if state.plain:
        return _plain_parts(record, state)
    figures, finds = Text(), state.finds
    for label, quality in (
        ("screened", None if finds else record.screened_quality),
        (state.words if finds else "trained", record.trained_quality),
    ):
        if quality is not None:
            figures.append(f"{label} {state.told(quality)}  ")
    figures.append(f"{_cost_text(record, state)}  ")
    verdict: str = record.verdict
    if record.verdict == "pending":
        verdict = ""
    elif record.verdict == "failed":
        verdict = f"failed: {printable(record.detail)}"
    figures.append(verdict, style=_VERDICT_STYLES.get(record.verdict, "yellow"))
    unchanged = "unchanged, trained on" if finds else "unchanged"
    morphs = morphs_text(record.morphs) or unchanged
    return [Text(printable(record.name), style="bold"), Text(morphs), figures]


def _plain_parts(record: ChildRecord, state: RunState) -> list[Text]:
    """The same in everyday words."""
    figures = Text()
    if record.trained_quality is not None:
        figures.append(f"{state.told_plainly(record.trained_quality)}  ")
    figures.append(f"{_cost_text(record, state)}  ")
    verdict: str = record.verdict
    if record.verdict == "accepted":
        verdict = "best so far"
    elif record.verdict == "failed":
        verdict = f"failed: {printable(record.detail)}"
    figures.append(verdict, style=_VERDICT_STYLES.get(record.verdict, "yellow"))
    number = len(record.morphs)
    changes = "1 change" if number == 1 else f"{number} changes"
    what = changes if number else "unchanged, trained further"
    return [Text(printable(record.name), style="bold"), Text(what), figures]


def live_area(state: RunState, now_s: float) -> RenderableType:
    """The area redrawn in place: phase and clock, generation, best so far, trainings."""
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(no_wrap=True, overflow="ellipsis")
    head.add_column(no_wrap=True, justify="right")
    times = [f"{clock_text(now_s - state.started_s)} elapsed", state.time_left_text(now_s)]
    head.add_row(Text(state.phase, style="bold cyan"), ", ".join(filter(None, times)))
    rows: list[RenderableType] = [head]
    rows += [_one_line(text) for text in (generation_line(state), best_line(state)) if text]
    if state.trainings:
        rows.append(_bars(state.trainings, now_s))
    return Group(*rows)


def generation_line(state: RunState) -> str:
    """The generation under way and what became of its children; empty before the first."""
    if state.generation is None:
        return ""
    index, total, parent = state.generation
    heard = state.generations.children.values()
    counts = (
        ("screened", sum(record.screened_quality is not None for record in heard)),
        ("trained", sum(record.trained_quality is not None for record in heard)),
        ("accepted", sum(record.verdict == "accepted" for record in heard)),
    )
    told = ", ".join(f"{number} {word}" for word, number in counts)
    if state.finds:
        told = f"{counts[1][1]} trained"
    last = "" if state.last is None else f", last {printable(state.last.name)}"
    return f"{generation_title(index, total, parent, state)}: {told}{last}"


def best_line(state: RunState) -> str:
    """The best model so far; empty until something was measured."""
    if state.plain:
        return _plain_best_text(state)
    best, reference = state.best, state.reference
    start = "start" if state.finds else "reference"
    told = None if reference is None else state.told(reference.quality)
    if best is None:
        if reference is None:
            return ""
        cost = _full_cost_text(reference.cost, state)
        return f"best so far: the {start}, {state.words} {told}, {cost}"
    parts = [f"best so far: {printable(best.name)}"]
    if best.trained_quality is not None:
        quality = f"{state.words} {state.told(best.trained_quality)}"
        parts.append(quality if told is None else f"{quality} ({start} {told})")
    parts.append(_cost_text(best, state))
    return ", ".join(parts)


def _plain_best_text(state: RunState) -> str:
    """The same in everyday words."""
    best, reference = state.best, state.reference
    told = None if reference is None else state.told_plainly(reference.quality)
    if best is None:
        if reference is None:
            return ""
        return f"best so far: the start, {told}, {_full_cost_text(reference.cost, state)}"
    parts = [f"best so far: {printable(best.name)}"]
    if best.trained_quality is not None:
        right = state.told_plainly(best.trained_quality)
        parts.append(
            right if told is None else f"{right} (the start: {told.removesuffix(' right')})"
        )
    return ", ".join([*parts, _cost_text(best, state)])


def _cost_text(record: ChildRecord, state: RunState) -> str:
    name = state.objective.told_by.name
    before = 0 if state.reference is None else state.reference.cost.amounts[name]
    if state.finds or before <= 0:
        return _full_cost_text(record.cost, state)
    return f"{name} {record.cost.amounts[name] / before:.2f}x"


def _full_cost_text(cost: Cost, state: RunState) -> str:
    if state.finds:
        return f"{count_text(cost.num_params)} {'weights' if state.plain else 'params'}"
    kind = state.objective.told_by
    return f"{kind.name} {amount_text(kind, cost.amounts[kind.name])}"


def _one_line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _bars(trainings: dict[str, Training], now_s: float) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for _ in range(2):
        table.add_column(no_wrap=True, justify="right")
    shown: Sequence[tuple[str, Training]] = list(trainings.items())[:_MOST_BARS]
    for name, training in shown:
        left = training.seconds_left(now_s)
        table.add_row(
            Text(printable(name)),
            ProgressBar(total=training.images_total, completed=training.images_done),
            f"{quantity_text(training.images_done)}/{quantity_text(training.images_total)} images",
            "--:--" if left is None else clock_text(left),
        )
    if len(trainings) > len(shown):
        table.add_row("...", f"and {len(trainings) - len(shown)} more", "", "")
    return table
