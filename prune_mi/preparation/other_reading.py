"""How a model reads data whose labels are no classes: the scaling by which its answers are best."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import InputScaling
from prune_mi.errors import DataError
from prune_mi.measure.confidence import is_saturated
from prune_mi.preparation.recalibrated import Recalibrated
from prune_mi.records import Observer
from prune_mi.tasks.judge import Judge

_LEAST_ABOVE_CHANCE = 0.05  # of what is between chance and perfect answers
_CLEARLY_BETTER = 0.1  # likewise
_ALIKE = 0.002  # likewise, of what is as good
_EQUAL = 1e-6

Ask = Callable[[InputScaling], np.ndarray]
"""From a scaling to raw outputs for the samples that are asked about, `(n, ...)`."""


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Some training samples that a model is asked about under each of some scalings.

    Attributes:
        truth: Of the samples, in the form of the task.
        scalings: Those to try, by name.
        judge: Judges the answers.
    """

    truth: np.ndarray
    scalings: Mapping[str, InputScaling]
    judge: Judge

    def qualities(self, ask: Ask) -> dict[str, float]:
        """How good the answers are under each scaling; minus infinity where they are not finite."""
        found = {}
        for name, scaling in self.scalings.items():
            outputs = ask(scaling)
            finite = bool(np.isfinite(outputs).all())
            scores = self.judge.scores(outputs, self.truth) if finite else None
            found[name] = -np.inf if scores is None else self.judge.quality(scores, self.truth)
        return found

    def told(self, found: Mapping[str, float]) -> str:
        """Qualities in words."""
        return ", ".join(f"{name} {self.judge.value(each):.3f}" for name, each in found.items())


def find_scaling_by_metric(
    probe: Probe,
    ask: Ask,
    settings: RunSettings,
    observer: Observer,
    *,
    recalibrated: Ask | None,
    distance: Callable[[InputScaling], float],
) -> tuple[InputScaling, bool]:
    """The scaling under which the metric is best, the first of equals.

    Where batch-norm statistics of these data make the model far better, its own do not fit its
    weights, as after a short training: then the scaling is taken whose statistics are nearest.

    Args:
        probe: What is asked.
        ask: Asks the model.
        settings: May allow a weak model.
        observer: Hears what was found.
        recalibrated: Asks the model with batch-norm statistics of these data; None: it has none.
        distance: How far the model's own statistics are from those of the images, so scaled.

    Returns:
        The scaling, and whether the model needs batch-norm statistics of these data.

    Raises:
        DataError: If the model is no better than chance under any, and that is not allowed.
    """
    found, judge, count = probe.qualities(ask), probe.judge, len(probe.truth)
    name, best = _first_best(found)
    chance, words = judge.chance(probe.truth), judge.metric.words
    clearly_better = max(best, chance) + _CLEARLY_BETTER * (1 - chance)
    anew: dict[str, float] = {}
    if recalibrated is not None and clearly_better < 1:  # which is perfect
        anew = probe.qualities(recalibrated)
    if anew and max(anew.values()) > clearly_better:
        top = max(anew.values())
        close = [each for each in anew if anew[each] >= top - _ALIKE * (1 - chance)]
        name = min(close, key=lambda each: distance(probe.scalings[each]))
        observer.note(
            "The model's batch-norm statistics do not fit its weights, as after a short training. "
            f"As saved, its {words} on {count} training images is {judge.value(best):.3f} at best; "
            f"with statistics of these data {judge.value(anew[name]):.3f}. Input scaling found "
            f"with them: {probe.scalings[name].describe()}."
        )
        return probe.scalings[name], True
    weak = not best > chance + _LEAST_ABOVE_CHANCE * (1 - chance)
    if weak and not settings.allow_weak_model:
        raise DataError(
            f"the model is not clearly better than chance with any input scaling: {words} on "
            f"{count} training images is {probe.told(found)}; the best constant answer gets "
            f"{judge.value(chance):.3f}; expected a model that was trained for these data. Likely "
            "causes, in this order: the labels are in another order or unit than in its training, "
            "the inputs were scaled differently (--scaling), or these are not its data. To go on "
            "with the model as it is, pass --allow-weak-model"
        )
    how = "found" if settings.scaling == "auto" else "as given"
    observer.note(
        f"Input scaling {how}: {probe.scalings[name].describe()} ({words} on {count} training "
        f"images: {probe.told(found)})."
    )
    return probe.scalings[name], False


def _first_best(found: Mapping[str, float]) -> tuple[str, float]:
    best = max(found.values())
    return next(name for name, quality in found.items() if quality >= best - _EQUAL), best


def guess_scaling(
    ask: Ask,
    recalibrated: Recalibrated,
    scalings: Mapping[str, InputScaling],
    judge: Judge,
    settings: RunSettings,
    observer: Observer,
) -> InputScaling:
    """The scaling that a model most likely was trained with, where there are no labels.

    Its batch norms hold statistics of the images that it was trained on: the nearest are taken. A
    model without any is given the first scaling that does not saturate it.

    Args:
        ask: Asks the model.
        recalibrated: The model with batch-norm statistics of these data.
        scalings: Those to try, by name.
        judge: Knows the judged output.
        settings: May name the scaling.
        observer: Hears what was found.
    """
    if len(scalings) == 1:
        return next(iter(scalings.values()))
    if recalibrated.is_possible:
        found = min(scalings.values(), key=recalibrated.distance)
        why = "under it the batch-norm statistics of the images are nearest to the model's own"
    else:
        found = next(
            (each for each in scalings.values() if not _saturates(ask(each), judge)),
            next(iter(scalings.values())),
        )
        why = "a guess, since there are no labels and no batch norms that would tell"
    if settings.scaling == "auto":
        observer.note(f"Input scaling: {found.describe()} ({why}). To set another, pass --scaling.")
    return found


def _saturates(outputs: np.ndarray, judge: Judge) -> bool:
    if judge.task.loss != "classes":
        return not bool(np.isfinite(outputs).all())
    return is_saturated(judge.head.of(outputs))
