"""A model that is far less right on the data than it is sure of itself, and what may be the cause.

Such a model is most often asked the wrong way: its classes are in another order, its pixels were
scaled differently, or their colours came in the order blue, green, red. Each is tried on the
samples at hand and confirmed on others that were held back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import ClassOrder, InputScaling, reversed_colours, stratified_split
from prune_mi.data.class_order import class_names
from prune_mi.errors import DataError
from prune_mi.measure.confidence import best_assignment, confidence, is_clearly_better, is_useful
from prune_mi.preparation.reading import Evidence, Reading, find_order, find_scaling, named_scalings
from prune_mi.preparation.recalibrated import Recalibrated
from prune_mi.records import Observer

_MOST_TOLD = 20  # classes in a line that can still be copied
_OUTPUTS_TOLD = 3
_REVERSIBLE = ("none", "unit", "signed", "standardize", "torch")


@dataclass(frozen=True, slots=True)
class _Cause:
    """What may be wrong: in words, what mends it, and how right the model then is where clearly."""

    name: str
    found: str
    remedy: str
    accuracy: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Doubt:
    """A reading that is in doubt.

    Attributes:
        fitted: Samples to find causes on.
        checked: Others that were held back to check them.
        scaling: The name of the scaling.
        order: The order of the classes.
    """

    fitted: Evidence
    checked: Evidence
    scaling: str
    order: ClassOrder

    @property
    def right(self) -> np.ndarray:
        """Bool `(n,)`: whether each answer that is checked is right."""
        return self.checked.right(self.scaling, self.order)

    @property
    def held_back(self) -> str:
        """Which images those are, in words."""
        return f"of {len(self.checked.rows)} training images held back for this check"

    def best_of(self, tried: Mapping[str, InputScaling]) -> tuple[str, str, float | None]:
        """The best of some scalings, all accuracies in words, and its own where clearly better."""
        fitted, checked = (replace(each, scalings=tried) for each in (self.fitted, self.checked))
        best, _ = fitted.best(self.order)
        told = ", ".join(f"{name} {score:.3f}" for name, score in fitted.scores(self.order).items())
        new = checked.right(best, self.order)
        return best, told, float(new.mean()) if is_clearly_better(new, self.right) else None


def find_reading(
    evidence: Evidence,
    recalibrated: Recalibrated,
    settings: RunSettings,
    observer: Observer,
    *,
    others: Callable[[], Sequence[InputScaling]],
) -> Reading:
    """Finds the scaling and the order of classes by which a model is right.

    Args:
        evidence: The model's answers.
        recalibrated: The model with batch-norm statistics of these data.
        settings: May name a scaling, and may allow a weak model.
        observer: Hears what was found.
        others: Fits the scalings that would be tried if the settings named none.

    Raises:
        DataError: If it is right no more often than chance, or far less often than it is sure of
            itself, or another way to ask it is clearly better.
    """
    notes: list[str] = []
    order = find_order(evidence, notes)
    refused: DataError | None = None
    try:
        name = find_scaling(evidence, order, settings, notes)
    except DataError as error:
        refused, (name, _) = error, evidence.best(order)
    reading = Reading(evidence.scalings[name], order)
    found = confidence(evidence.answers(name), order.relabelled(evidence.labels))
    if refused is None and not found.is_doubtful:
        for note in notes:
            observer.note(note)
        return reading
    doubt = _Doubt(*_parts(evidence), name, order)
    causes = [_class_order(doubt), _scaling(doubt, named_scalings(others()))]
    if evidence.data.image_shape[2:] == (3,):
        causes.append(_colour_order(doubt))
    most = max(cause.accuracy or 0.0 for cause in causes)
    settled = _settled(doubt, recalibrated, most, observer)
    if settled is not None:
        return settled
    if refused is not None:
        raise DataError(f"{refused}.\n{_listed(causes)}") from refused
    told = (
        f"the model is right on {found.accuracy:.3f} of {found.num_samples} training images, but "
        f"the mean probability of its answers is {found.probability:.3f}"
    )
    is_wrong = found.is_refuted or most > 0
    if is_wrong and not settings.allow_weak_model:
        raise DataError(
            f"{told}: its inputs or classes are probably not as in its training.\n"
            f"{_listed(causes)}\nTo continue with the model as it is, pass --allow-weak-model"
        )
    advice = (
        f"The run continues because of --allow-weak-model. {_listed(causes)}"
        if is_wrong
        else "If the model should be better, check the order of its classes (--classes), --scaling "
        "and the order of the colour channels."
    )
    for note in (*notes, f"T{told[1:]}. {advice}"):
        observer.note(note)
    return reading


def _parts(evidence: Evidence) -> tuple[Evidence, Evidence]:
    """Samples to find causes on, and others that were held back to check them."""
    rng = np.random.default_rng(0)
    others = evidence.held_back(rng)
    if len(others):
        return evidence, evidence.about(others)
    first, second = stratified_split(evidence.labels, fraction=0.5, rng=rng)
    return evidence.about(evidence.rows[first]), evidence.about(evidence.rows[second])


def _settled(
    doubt: _Doubt, recalibrated: Recalibrated, most: float, observer: Observer
) -> Reading | None:
    """The reading with recalibrated statistics, where these were all that was wrong.

    They are after a short training: with the usual momentum of 0.99 a few hundred steps leave much
    of what they began with.
    """
    if not recalibrated.is_possible:
        return None
    as_saved = doubt.right
    fitted, checked = (
        replace(each, ask=recalibrated.ask, known={}) for each in (doubt.fitted, doubt.checked)
    )
    order = max(fitted.orders, key=lambda each: fitted.best(each)[1])
    _, most_right = fitted.best(order)
    # With statistics of their own many scalings come to the same: the nearest is the likeliest.
    equal = [each for each in fitted.scalings if fitted.right(each, order).mean() == most_right]
    name = min(equal, key=lambda each: recalibrated.distance(fitted.scalings[each]))
    right = checked.right(name, order)
    found = confidence(checked.answers(name), order.relabelled(checked.labels))
    is_right = is_clearly_better(right, as_saved) and right.mean() >= most
    if not is_right or found.is_doubtful or not is_useful(found):
        return None
    in_order = "" if order.is_as_loaded else f", its classes {order.name}"
    observer.note(
        f"The model's batch-norm statistics do not fit its weights, as after a short training. As "
        f"saved, it is right on {as_saved.mean():.3f} of {len(right)} training images; with "
        f"statistics of these data, on {right.mean():.3f}. Input scaling found with them: "
        f"{fitted.scalings[name].describe()}{in_order}."
    )
    return Reading(fitted.scalings[name], order, needs_statistics=True)


def _listed(causes: Sequence[_Cause]) -> str:
    """Causes, the clear ones first and then by how common they are."""
    first = sorted(causes, key=lambda cause: cause.accuracy is None)
    lines = [
        f"  {place}. {cause.name}: {cause.found}. {cause.remedy}"
        for place, cause in enumerate(first, 1)
    ]
    return "\n".join(["Likely causes, in this order:", *lines])


def _class_order(doubt: _Doubt) -> _Cause:
    """Whether every output answers to another class, under whichever scaling."""
    fitted, checked, order = doubt.fitted, doubt.checked, doubt.order
    names, num = class_names(fitted.data), fitted.num_classes
    remedy = (
        "Pass the right order with --classes (names or numbers in the order of the model's "
        "outputs, or a file), or in a classes.json beside the model"
    )
    assigned = {
        scaling: ClassOrder(
            "assigned", best_assignment(fitted.answers(scaling).argmax(axis=1), fitted.labels, num)
        )
        for scaling in fitted.scalings
    }
    scores = {each: float(fitted.right(each, assigned[each]).mean()) for each in assigned}
    scaling = max(scores, key=lambda each: (scores[each], each == doubt.scaling))
    found, new, old = assigned[scaling], checked.right(scaling, assigned[scaling]), doubt.right
    is_clear = (
        found.places != order.places
        and is_clearly_better(new, old)
        and confidence(checked.answers(scaling), found.relabelled(checked.labels)).is_plausible
    )
    if not is_clear:
        tried = ", ".join(f"{each.name} {fitted.best(each)[1]:.3f}" for each in fitted.orders)
        return _Cause("class order", f"right on {tried}", remedy)
    moved = [
        f"output {output} is most often class {names[place]!r}"
        for output, (place, before) in enumerate(zip(found.places, order.places, strict=True))
        if place != before
    ]
    told = ", ".join(moved[:_OUTPUTS_TOLD])
    more = f" (and {len(moved) - _OUTPUTS_TOLD} more)" if len(moved) > _OUTPUTS_TOLD else ""
    what = "the two classes look swapped" if num == 2 else "the labels look to be in another order"
    ordered = [names[place] for place in found.places]
    if len(ordered) <= _MOST_TOLD and not any("," in each for each in ordered):
        found_order = _quoted(",".join(ordered))
        remedy = f"If that is right, pass --classes {found_order}; else pass the right order"
    under = "" if scaling == doubt.scaling else f" with the scaling {scaling}"
    return _Cause(
        "class order",
        f"{what}: {told}{more}. In that order the model is right on {new.mean():.3f} "
        f"{doubt.held_back}{under}, instead of {old.mean():.3f}",
        remedy,
        float(new.mean()),
    )


def _scaling(doubt: _Doubt, wider: Mapping[str, InputScaling]) -> _Cause:
    """Whether another scaling than the one that was asked for does better."""
    known = doubt.fitted.scalings
    tried = {**known, **{name: wider[name] for name in wider if name not in known}}
    best, told, accuracy = doubt.best_of(tried)
    found = f"right on {told}"
    remedy = "Pass the scaling with --scaling, or pass pixels that are scaled as in training"
    if accuracy is not None:
        found = (
            f"with {best} the model is right on {accuracy:.3f} {doubt.held_back}, and with "
            f"{doubt.scaling} on {doubt.right.mean():.3f} (tried: {told})"
        )
        remedy = f"Pass --scaling {tried[best].kind}, or auto"
    return _Cause("input scaling", found, remedy, accuracy)


def _colour_order(doubt: _Doubt) -> _Cause:
    """Whether the model was trained on colours in the order blue, green, red."""
    remedy = (
        "If the model was trained on images read by OpenCV, pass an .npz with images in the order "
        "blue, green, red (images[..., ::-1])"
    )
    tried = {
        each: reversed_colours(scaling)
        for each, scaling in doubt.fitted.scalings.items()
        if scaling.kind in _REVERSIBLE
    }
    if not tried:
        return _Cause("colour order", "not tried", remedy)
    best, told, accuracy = doubt.best_of(tried)
    found = f"in blue, green, red right on {told}"
    if accuracy is not None:
        found += (
            f"; with {best} on {accuracy:.3f} {doubt.held_back}, instead of "
            f"{doubt.right.mean():.3f}"
        )
    return _Cause("colour order", found, remedy, accuracy)


def _quoted(text: str) -> str:
    return f"'{text}'" if any(not (each.isalnum() or each in ",._-") for each in text) else text
