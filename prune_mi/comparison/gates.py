"""A candidate held to its gates, one after the other."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import Gates
from prune_mi.errors import ConfigError, listed
from prune_mi.measure.bounds import Bounds, drop_bounds, images_to_decide, share_bounds
from prune_mi.measure.limit import Drop, paired_drop
from prune_mi.records import Decision, GateResult
from prune_mi.report.wording import (
    change_text,
    count_text,
    exact_percent_text,
    percent_text,
    size_text,
)
from prune_mi.tasks.judge import Judge

_TOLD = 5  # names of classes
_WORSE = ("passed", "undecided", "failed")
_ACCURATE = "train it further, or make it with less allowed to be lost"
_SMALLER = "make it with more time or more allowed to be lost, or ask for less"


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """A candidate and its baseline on the same test images.

    Attributes:
        judge: Judges both.
        before, after: What the baseline and the candidate answer, as `WorkerPool.predict` has it.
        truth: In the form of the task, `(n, ...)`.
        names: Of the classes, labels or numbers.
        params, macs, saved_bytes: Of the baseline and of the candidate.
        size_bytes: Of the candidate's own file.
    """

    judge: Judge
    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray
    names: tuple[str, ...]
    params: tuple[int, int]
    macs: tuple[int, int]
    saved_bytes: tuple[int, int]
    size_bytes: int

    @property
    def changed(self) -> "Changed | None":
        """How decisions differ; None where numbers are foretold."""
        return changed_decisions(self.judge, self.before, self.after, self.truth)


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """How decisions of one model differ from another's on the same images.

    Attributes:
        shares: float `(n,)`, the share of each image's decisions that are others, or none at all.
        total: Decisions of all images.
        count: Those that are others.
        right_to_wrong, wrong_to_right: Of these, those that were right, and those that are now.
    """

    shares: np.ndarray
    total: int
    count: int
    right_to_wrong: int
    wrong_to_right: int


def changed_decisions(
    judge: Judge, before: np.ndarray, after: np.ndarray, truth: np.ndarray
) -> Changed | None:
    """How decisions differ; see `Rivals`."""
    decide = judge.task.decisions
    if decide is None:
        return None
    one, other = (np.asarray(decide(each, judge.head)) for each in (before, after))
    differ = one != other
    if one.dtype.kind == "i":
        differ |= other < 0
    was, now = one == truth, other == truth
    return Changed(
        shares=differ.reshape(len(differ), -1).mean(axis=1),
        total=differ.size,
        count=int(differ.sum()),
        right_to_wrong=int((was & ~now).sum()),
        wrong_to_right=int((~was & now).sum()),
    )


def judge(gates: Gates, given: Rivals) -> tuple[GateResult, ...]:
    """Every gate that is set, in the order of the options.

    What is measured on images is judged by one-sided bounds at the gates' confidence: passed where
    the bound keeps the limit, failed where the other bound breaks it, and undecided between.

    Raises:
        ConfigError: If a gate asks for what the task does not have.
    """
    return tuple(_judged(gates, given))


def _judged(gates: Gates, given: Rivals) -> Iterator[GateResult]:
    if gates.max_accuracy_drop is not None:
        yield _metric_drop(gates.max_accuracy_drop, gates.confidence, given)
    if gates.max_class_drop is not None:
        yield _class_drop(gates.max_class_drop, gates.confidence, given)
    if gates.max_flips is not None:
        yield _flips(gates.max_flips, gates.confidence, given)
    for name, what, limit, pair in (
        ("min-size-reduction", "size as .keras", gates.min_size_reduction, given.saved_bytes),
        ("min-macs-reduction", "MACs", gates.min_macs_reduction, given.macs),
        ("min-params-reduction", "params", gates.min_params_reduction, given.params),
    ):
        if limit is not None:
            yield _reduction(name, what, limit, pair)
    if gates.max_size is not None:
        yield _size(gates.max_size, given.size_bytes)


def _metric_drop(limit: float, confidence: float, given: Rivals) -> GateResult:
    judge, truth = given.judge, given.truth
    before, after = (judge.scores(each, truth) for each in (given.before, given.after))
    drop = paired_drop(before, after, judge.weights(truth))
    bounds = drop_bounds(drop, confidence)
    bound, change = bounds.high * judge.scale, -drop.value * judge.scale
    change = -change if judge.metric.is_error else change
    told = (
        f"{judge.metric.words} changed by {change_text(change)} "
        f"on {count_text(len(after))} test images; {_sure(confidence)} the "
        f"{'rise' if judge.metric.is_error else 'drop'} is {bound:.4f} at most; allowed {limit:g}"
    )
    allowed = judge.drop(limit)
    needed = _needed(allowed, bounds, _drop_on(drop, confidence))
    found = _measured("max-accuracy-drop", allowed, bounds, told, needed, _ACCURATE)
    return _in_unit(found, judge.scale)


def _in_unit(found: GateResult, scale: float) -> GateResult:
    """A gate's figures in the unit of its metric."""
    if scale == 1:
        return found
    low, high = (None if each is None else each * scale for each in (found.low, found.high))
    return replace(found, limit=found.limit * scale, value=found.value * scale, low=low, high=high)


def _class_drop(limit: float, confidence: float, given: Rivals) -> GateResult:
    """What is judged worst decides, and a class without images is not judged at all."""
    judge, count = given.judge, len(given.names)
    part = judge.task.part
    before, after = (
        {each.place: each for each in judge.task.parts(outputs, given.truth, judge.head)}
        for outputs in (given.before, given.after)
    )
    found = [place for place in before if place in after]
    judged: list[tuple[int, Bounds, int]] = []
    needed: list[int | None] = []
    for place in found:
        rows = before[place].rows
        one, other = before[place].scores[rows], after[place].scores[rows]
        drop = paired_drop(one, other, np.full(len(one), 1 / len(one)))
        bounds = drop_bounds(drop, confidence, out_of=count)
        judged.append((_WORSE.index(bounds.decide(limit)), bounds, place))
        if bounds.decide(limit) == "undecided":
            needed.append(_needed(limit, bounds, _drop_on(drop, confidence, out_of=count)))
    _, worst, label = max(judged, key=lambda each: (each[0], each[1].high))
    parts = f"{part}es" if part.endswith("s") else f"{part}s"
    words = "accuracy" if judge.task.loss == "classes" else "score"
    told = (
        f"of {count} {parts} {given.names[label]} is judged worst: its {words} changed by "
        f"{change_text(-worst.value)} on {count_text(worst.num_images)} test images; "
        f"{_sure(confidence)} the drop is {worst.high:.4f} at most; allowed {limit:g}"
    )
    missing = [name for place, name in enumerate(given.names) if place not in found]
    if missing and worst.decide(limit) != "failed":
        told += (
            f"; there are no test images of {listed(missing, _TOLD)}, so this gate is undecided, "
            f"which counts as failed; add test images of every {part}."
        )
        measured = (worst.value, worst.low, worst.high)
        return GateResult("max-class-drop", "undecided", limit, *measured, None, told)
    most = None if None in needed else max((each for each in needed if each), default=None)
    return _measured("max-class-drop", limit, worst, told, most, _ACCURATE, f" of each {part}")


def _flips(limit: float, confidence: float, given: Rivals) -> GateResult:
    changed = given.changed
    if changed is None:
        raise ConfigError(
            f"the gate max-flips is {limit:g}, but the task is {given.judge.task.name}, whose "
            "answers are numbers that all change a little; expected max-accuracy-drop"
        )
    bounds = share_bounds(changed.count / changed.total, len(changed.shares), confidence)
    told = (
        f"{percent_text(bounds.value)} of the answers changed ({count_text(changed.count)} of "
        f"{count_text(changed.total)}, {count_text(changed.right_to_wrong)} from right to wrong); "
        f"{_sure(confidence)} at most {percent_text(bounds.high)} do; allowed "
        f"{exact_percent_text(limit)}"
    )
    mend = "train it further with the baseline's answers (distillation), or allow more"
    needed = _needed(limit, bounds, lambda num: share_bounds(bounds.value, num, confidence))
    return _measured("max-flips", limit, bounds, told, needed, mend)


def _drop_on(drop: Drop, confidence: float, *, out_of: int = 1) -> Callable[[int], Bounds]:
    return lambda num: drop_bounds(drop.on(num), confidence, out_of=out_of)


def _needed(limit: float, bounds: Bounds, bounds_on: Callable[[int], Bounds]) -> int | None:
    """Images that would decide what these do not; None where these do, or no number would."""
    if bounds.decide(limit) != "undecided":
        return None
    return images_to_decide(limit, bounds_on, more_than=bounds.num_images)


def _measured(
    name: str, limit: float, bounds: Bounds, told: str, needed: int | None, mend: str, of: str = ""
) -> GateResult:
    decision = bounds.decide(limit)
    if decision == "undecided":
        told += ": too few images to decide, which counts as failed"
        told += (
            f"; about {count_text(needed)} test images{of} would decide it if they showed the same"
            if needed is not None
            else "; what was measured lies on the limit itself, so no number of images would "
            "decide: allow more"
        )
    elif decision == "failed":
        told += f"; {mend}"
    return GateResult(
        name, decision, limit, bounds.value, bounds.low, bounds.high, needed, f"{told}."
    )


def _reduction(name: str, what: str, limit: float, pair: tuple[int, int]) -> GateResult:
    before, after = pair
    saved = (before - after) / before if before else 0.0
    written = size_text if name == "min-size-reduction" else count_text
    told = (
        f"{what}: {written(after)} against {written(before)}, {_less(saved)}; "
        f"asked for {exact_percent_text(limit)} less"
    )
    return _counted(name, limit, saved, told, passed=saved >= limit - 1e-12)


def _size(limit: int, size_bytes: int) -> GateResult:
    told = f"the file has {count_text(size_bytes)} bytes; allowed {count_text(limit)}"
    return _counted("max-size", limit, size_bytes, told, passed=size_bytes <= limit)


def _counted(name: str, limit: float, value: float, told: str, *, passed: bool) -> GateResult:
    """The result of a gate that needs no images."""
    decision: Decision = "passed" if passed else "failed"
    told += "." if passed else f"; {_SMALLER}."
    return GateResult(name, decision, limit, value, None, None, None, told)


def _less(saved: float) -> str:
    return f"{_share(-saved)} more" if saved < 0 else f"{_share(saved)} less"


def _share(share: float) -> str:
    """A share in percent, never rounded up: 29.96 % is not 30 %."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"


def _sure(confidence: float) -> str:
    return f"at {exact_percent_text(confidence)} confidence"
