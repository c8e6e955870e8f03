"""How a model reads some data: the scaling of its inputs, and the order of its classes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import (
    ClassOrder,
    Dataset,
    InputScaling,
    choose_scaling,
    other_orders,
    stratified_sample,
)
from prune_mi.data.chunks import taken
from prune_mi.data.class_order import as_loaded, class_names
from prune_mi.measure.confidence import is_clearly_better, is_saturated

_CLOSE_IMAGES = 4000
_CONFIRMING_IMAGES, _FEWEST_CONFIRMING = 2000, 100
_NAMED = 5

Ask = Callable[[np.ndarray, InputScaling], np.ndarray]
"""From raw samples and their scaling to what a model yields for its classes, `(n, classes)`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads some data.

    Attributes:
        scaling: What is done to raw samples.
        order: The order of its classes.
        needs_statistics: Whether it is right only with batch-norm statistics of these data.
    """

    scaling: InputScaling
    order: ClassOrder
    needs_statistics: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A model's answers about some training samples, under each scaling tried.

    `known` goes along where only the scalings are replaced.

    Attributes:
        ask: Asks the model.
        data: As loaded.
        rows: Of the training samples that it was asked about.
        scalings: Those tried, by name.
        orders: Those tried; the first is that of the data.
        known: What the model yields under the scalings that it has been asked with.
    """

    ask: Ask
    data: Dataset
    rows: np.ndarray
    scalings: Mapping[str, InputScaling]
    orders: Sequence[ClassOrder]
    known: dict[InputScaling, np.ndarray] = field(default_factory=dict)

    @property
    def labels(self) -> np.ndarray:
        """Of the samples, as loaded."""
        return np.asarray(self.data.y_train[self.rows])

    @property
    def num_classes(self) -> int:
        """Of the model."""
        return len(self.orders[0].places)

    def answers(self, name: str) -> np.ndarray:
        """What the model yields under a scaling."""
        scaling = self.scalings[name]
        if scaling not in self.known:
            self.known[scaling] = self.ask(taken(self.data.x_train, self.rows), scaling)
        return self.known[scaling]

    def right(self, name: str, order: ClassOrder) -> np.ndarray:
        """Whether each answer is right, under a scaling and in an order."""
        return np.asarray(self.answers(name).argmax(axis=1) == order.relabelled(self.labels))

    def best(self, order: ClassOrder) -> tuple[str, float]:
        """The scaling under which most answers are right in an order, and how many are."""
        scores = self.scores(order)
        winner = max(scores, key=lambda name: scores[name])
        return winner, scores[winner]

    def scores(self, order: ClassOrder) -> dict[str, float]:
        """How often the model is right in an order, a fraction, under each scaling."""
        return {name: float(self.right(name, order).mean()) for name in self.scalings}

    def about(self, rows: np.ndarray) -> "Evidence":
        """The same model, asked about other training samples."""
        return replace(self, rows=rows, known={})

    def held_back(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of other training samples; empty where there are too few of them to tell."""
        others = np.setdiff1d(np.arange(len(self.data.y_train)), self.rows)
        if len(others) < _FEWEST_CONFIRMING:
            return others[:0]
        sample = stratified_sample(self.data.y_train[others], size=_CONFIRMING_IMAGES, rng=rng)
        return np.asarray(others[sample])


def named_scalings(scalings: Sequence[InputScaling]) -> dict[str, InputScaling]:
    """By their kinds, with the range of those that go by another than the first."""
    full = scalings[0].full
    return {
        each.kind if each.full == full else f"{each.kind} of 0..{each.full:g}": each
        for each in scalings
    }


def gather(
    ask: Ask, candidates: Sequence[InputScaling], data: Dataset, rows: np.ndarray, num_classes: int
) -> Evidence:
    """Evidence under some scalings, in the order of the data and those that people sort in."""
    return Evidence(
        ask, data, rows, named_scalings(candidates), (as_loaded(num_classes), *other_orders(data))
    )


def find_order(evidence: Evidence, notes: list[str]) -> ClassOrder:
    """The order of the data, unless the model is clearly more often right in another.

    That is chosen on the samples of the evidence and confirmed on others.
    """
    loaded = evidence.orders[0]
    scores = {order: evidence.best(order) for order in evidence.orders}
    winner = max(evidence.orders, key=lambda order: scores[order][1])
    if winner is loaded:
        return loaded
    others = evidence.held_back(np.random.default_rng(0))
    asked = evidence if not len(others) else evidence.about(others)
    new, old = (asked.right(scores[order][0], order) for order in (winner, loaded))
    if not is_clearly_better(new, old, least=0.0):  # two of very many classes are a hair, too
        return loaded
    names = class_names(evidence.data)
    notes.append(
        f"Class order found: {winner.name} ({first_names(names, winner)}). With it the model is "
        f"right on {new.mean():.3f} of {len(new)} training images; {_how_loaded(evidence.data)} "
        f"({first_names(names, loaded)}) on {old.mean():.3f}. To set another order, pass --classes."
    )
    return winner


def find_scaling(
    evidence: Evidence, order: ClassOrder, settings: RunSettings, notes: list[str]
) -> str:
    """The name of the scaling under which the model is right most often.

    The first of those that are right equally often; but raw pixels only where the model is not
    beyond all doubt about them, see `is_saturated`.

    Raises:
        DataError: If it is right no more often than chance.
    """
    right = {name: evidence.right(name, order) for name in evidence.scalings}
    found = {name: float(each.mean()) for name, each in right.items()}
    labels = evidence.labels
    close = close_to_best(right)
    if len(close) > 1:
        data = evidence.data
        more = stratified_sample(data.y_train, size=_CLOSE_IMAGES, rng=np.random.default_rng(0))
        asked = evidence.about(more)
        right = {name: asked.right(name, order) for name in evidence.scalings if name in close}
        labels = asked.labels
    found |= {name: float(each.mean()) for name, each in right.items()}
    counts = np.bincount(labels, minlength=evidence.num_classes)
    winner = choose_scaling(
        found,
        num_samples=len(labels),
        num_classes=evidence.num_classes,
        majority_share=float(counts.max() / len(labels)),
    )
    equal = [name for name in found if found[name] == found[winner]]
    if len(equal) > 1 and winner == "none" and is_saturated(evidence.answers(winner)):
        winner = equal[1]
    scores = ", ".join(f"{name} {score:.3f}" for name, score in found.items())
    how = "found" if settings.scaling == "auto" else "as given"
    notes.append(
        f"Input scaling {how}: {_described(evidence, winner)} (accuracy on {len(labels)} training "
        f"images: {scores})."
    )
    rivals = [name for name in close_to_best(right) if name != winner]
    if rivals:
        kind = evidence.scalings[rivals[0]].kind
        is_other = kind != evidence.scalings[winner].kind
        hint = f"; if the model was trained on it, pass --scaling {kind}" if is_other else ""
        notes.append(f"The scaling {rivals[0]} is equally accurate{hint}.")
    return winner


def close_to_best(right: Mapping[str, np.ndarray]) -> list[str]:
    """The best scaling and those within two standard errors of it, paired image by image."""
    best = max(right.values(), key=lambda each: float(each.mean()))

    def is_close(each: np.ndarray) -> bool:
        difference = best.astype(float) - each
        return bool(difference.mean() <= 2 * difference.std() / np.sqrt(len(difference)))

    return [name for name, each in right.items() if is_close(each)]


def _described(evidence: Evidence, name: str) -> str:
    scaling = evidence.scalings[name]
    is_base = name == scaling.kind
    return scaling.describe() if is_base else f"{scaling.describe()} of pixels 0..{scaling.full:g}"


def first_names(names: Sequence[str], order: ClassOrder) -> str:
    """The first few of the names in an order."""
    told = ", ".join(names[place] for place in order.places[:_NAMED])
    return f"{told}, ..." if len(names) > _NAMED else told


def _how_loaded(data: Dataset) -> str:
    return "sorted as strings" if data.class_names else "as they are numbered"
