"""Finding out how a model wants its images, or what else it takes, and how it is judged."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import keras
import numpy as np

from prune_mi.config import RunSettings
from prune_mi.config.values import Scaling
from prune_mi.data import (
    COLOUR_KINDS,
    NOT_VARIED,
    SCALING_KINDS,
    ClassOrder,
    Dataset,
    InputScaling,
    candidate_scalings,
    fit_scaling,
    shape_text,
    stratified_sample,
)
from prune_mi.data.chunks import taken
from prune_mi.data.class_order import class_names
from prune_mi.data.strata import strata
from prune_mi.errors import ConfigError, DataError, ModelError
from prune_mi.graph.analysis.input_kind import has_channels, input_kind
from prune_mi.graph.interface.binary_output import last_activations
from prune_mi.graph.interface.packing import Packing
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.saving.compiling import CompileConfig, regression_loss_of
from prune_mi.measure.predictor import Predictor, predict
from prune_mi.measure.quality import is_probabilities
from prune_mi.preparation.augmentation import find_augmentation
from prune_mi.preparation.find_task import metric_of
from prune_mi.preparation.interface import Interface
from prune_mi.preparation.loading import unit_note
from prune_mi.preparation.logits import yields_logits
from prune_mi.preparation.loss_plan import loss_plan
from prune_mi.preparation.other_reading import Probe, find_scaling_by_metric, guess_scaling
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.reading import gather, named_scalings
from prune_mi.preparation.rebuilt import opened, require_equal
from prune_mi.preparation.recalibrated import Recalibrated, with_statistics
from prune_mi.preparation.weak_model import find_reading
from prune_mi.records import Observer, SilentObserver
from prune_mi.tasks import agreement
from prune_mi.tasks.head import Head
from prune_mi.tasks.judge import judge_of
from prune_mi.tasks.task import Task
from prune_mi.training.plan import LossPlan

_PROBE_IMAGES, _FEWEST_PROBED = 512, 64
_MOST_VALUES = 2**24  # of what is yielded for them


def profile_of(
    model: keras.Model,
    data: Dataset,
    settings: RunSettings,
    observer: Observer,
    *,
    compiled: CompileConfig | None = None,
    trains: bool = True,
) -> Profile:
    """Finds out how a model wants its images, or what else it takes, and its classes' order.

    All work after it is on `Profile.arranged` of the data.

    Args:
        model: Of Keras 3.
        data: As loaded.
        settings: The run's settings.
        observer: Hears what was found.
        compiled: What the model was compiled with.
        trains: Whether anything is to be trained: else nobody asks how images may be varied.

    Raises:
        ConfigError: If a setting names no output or layer of the model, or does not suit its
            inputs.
        DataError: If the model is not clearly better than chance on this data, or is far less right
            on it than it is sure of itself.
        ModelError: If the model's graph cannot be read or rebuilt, or has no weights.
    """
    interface, task, packing = opened(model, data, settings, observer, compiled=compiled)
    answers = Predictor(build_model(packing.graph))
    shape = _judged_shape(packing, interface)
    rng = np.random.default_rng((settings.seed, 0))
    count = min(_PROBE_IMAGES, max(_FEWEST_PROBED, _MOST_VALUES // math.prod(shape)))
    probe = stratified_sample(strata(data.y_train, data.form), size=count, rng=rng)
    images, labels = taken(data.x_train, probe), data.y_train[probe]
    asked = _Asked(answers, packing, interface, data, probe, Head(shape))
    with _doubting(_doubt_of_bound(interface, task, compiled), observer):
        reading, labels = _read(asked, images, labels, task, settings, observer)
    outputs = answers(images, reading.scaling)
    require_equal(outputs, model, packing, images, reading.scaling)
    if not np.isfinite(outputs).all():
        name = packing.original.name
        raise ModelError(f"the model {name!r} yields NaN or infinity on training images")
    head = replace(asked.head, from_logits=_yields_logits(task, packing, asked.head, outputs))
    if data.form == "none":
        labels = agreement.answers_as_truth(task, outputs, head)
    everything = labels if data.form == "none" else data.y_train
    judge = judge_of(task, metric_of(task, settings), head, everything)
    loss = LossPlan(task.loss)
    if trains:
        loss = loss_plan(judge, everything, data, packing, interface, compiled, settings)
    studied = packing.graph
    if reading.needs_statistics:
        studied = with_statistics(studied, images, reading.scaling)
    augmentation = calibration = NOT_VARIED
    if trains:
        augmentation, calibration = find_augmentation(
            studied, images, labels, reading.scaling, settings, observer, judge=judge
        )
    if interface.others and trains:
        observer.note(_told_of_others(interface))
    order = reading.order
    return Profile(
        packing=packing,
        judge=judge,
        loss=loss,
        others=interface.others,
        scaling=reading.scaling,
        augmentation=augmentation,
        calibration=calibration,
        order=None if order is None or order.is_as_loaded else order,
        needs_statistics=reading.needs_statistics,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A model that is asked about some training samples."""

    answers: Predictor
    packing: Packing
    interface: Interface
    data: Dataset
    rows: np.ndarray
    head: Head

    def of_head(self, rows: np.ndarray, scaling: InputScaling) -> np.ndarray:
        """What it yields where it is judged, for raw samples."""
        return self.head.of(self.answers(rows, scaling))


def _read(
    asked: _Asked,
    images: np.ndarray,
    labels: np.ndarray,
    task: Task,
    settings: RunSettings,
    observer: Observer,
) -> tuple["_Read", np.ndarray]:
    """How the model reads the data, and the labels in its order."""
    data, graph = asked.data, asked.packing.graph
    candidates = _candidates(graph, data, settings.scaling)
    recalibrated = Recalibrated(graph, images, head=asked.head)
    if data.form != "classes":
        judge = judge_of(task, metric_of(task, settings), asked.head, labels)
        judge = replace(judge, head=_with_likely_logits(judge.head, task, asked.interface))
        scalings = named_scalings(candidates)

        def ask(scaling: InputScaling) -> np.ndarray:
            return asked.answers(images, scaling)

        if data.form == "none":
            scaling = guess_scaling(ask, recalibrated, scalings, judge, settings, observer)
            return _Read(scaling), labels

        def ask_recalibrated(scaling: InputScaling) -> np.ndarray:
            return recalibrated.ask(images, scaling)

        probe = Probe(labels, scalings, judge)
        scaling, anew = find_scaling_by_metric(
            probe,
            ask,
            settings,
            observer,
            recalibrated=ask_recalibrated if recalibrated.is_possible else None,
            distance=recalibrated.distance,
        )
        return _Read(scaling, needs_statistics=anew), labels

    def others() -> Sequence[InputScaling]:
        return candidates if settings.scaling == "auto" else _candidates(graph, data, "auto")

    evidence = gather(asked.of_head, candidates, data, asked.rows, asked.head.size)
    reading = find_reading(evidence, recalibrated, settings, observer, others=others)
    order = reading.order
    if asked.interface.unit is not None and not order.is_as_loaded:
        names = class_names(data)
        ordered = unit_note(asked.interface, [names[place] for place in order.places])
        observer.note(f"In that order: {ordered}")
    return _Read(reading.scaling, order, reading.needs_statistics), order.relabelled(labels)


@dataclass(frozen=True, slots=True)
class _Read:
    """As `Reading`; only classes have an order."""

    scaling: InputScaling
    order: ClassOrder | None = None
    needs_statistics: bool = False


def _judged_shape(packing: Packing, interface: Interface) -> tuple[int, ...]:
    """Of one sample of the judged output, in the packed graph."""
    if len(interface.shape) == 3:
        return tuple(axis or 1 for axis in packing.graph.spec(packing.graph.outputs[0]).shape[1:])
    return (2,) if packing.unit is not None else (interface.shape[-1] or 1,)


def _with_likely_logits(head: Head, task: Task, interface: Interface) -> Head:
    """The head where only its activation has been looked at."""
    linear = interface.ends_in == {"linear"}
    return replace(head, from_logits=linear and task.loss in ("flags", "masks"))


def _yields_logits(task: Task, packing: Packing, head: Head, outputs: np.ndarray) -> bool:
    """Whether the judged output yields logits."""
    if task.loss == "numbers":
        return False
    if task.loss == "classes":
        return yields_logits(packing.original, packing.judged, head.of(outputs))
    ref = packing.original.outputs[packing.judged]
    found = last_activations(packing.original, ref)
    if "linear" not in found:
        return False
    values = head.of(outputs)
    return head.shape[-1] == 1 or not is_probabilities(values.reshape(-1, head.shape[-1]))


def profile_like(
    like: Profile,
    model: keras.Model,
    data: Dataset,
    settings: RunSettings,
    *,
    compiled: CompileConfig | None = None,
) -> Profile:
    """A model of the same classes taken as another one is: with its scaling.

    Nothing is found out from its own answers, so that a spoiled model can be measured as well.

    Args:
        like: The other one.
        model: Of Keras 3.
        data: As loaded for it.
        settings: The run's settings.
        compiled: What the model was compiled with.

    Raises:
        ConfigError: If the other one's scaling is none for these images.
        ModelError: If the model's graph cannot be read or rebuilt, or has no weights.
    """
    interface, _, packing = opened(model, data, settings, SilentObserver(), compiled=compiled)
    scaling = like.scaling
    if not _fits(scaling, data):
        (scaling,) = _candidates(packing.graph, data, scaling.kind)
    rows = data.x_train[:_PROBE_IMAGES]
    outputs = predict(build_model(packing.graph), rows, scaling)
    require_equal(outputs, model, packing, rows, scaling)
    return replace(like, packing=packing, others=interface.others, order=None)


def _fits(scaling: InputScaling, data: Dataset) -> bool:
    """Whether a scaling's statistics are of samples of such a shape."""
    arrays = [each for each in (scaling.offset, scaling.scale) if each is not None]
    return all(each.shape == data.image_shape[-each.ndim :] for each in arrays if each.ndim)


def _told_of_others(interface: Interface) -> str:
    return (
        f"The output {interface.outputs[interface.judged]} is kept accurate. The layers of "
        f"{', '.join(interface.others)} are not removed. They are trained to follow the "
        "original's outputs, but how closely they do is not guaranteed."
    )


def _doubt_of_bound(interface: Interface, task: Task, compiled: CompileConfig | None) -> str:
    """Why 0 may not be what divides the classes of one linear unit; empty where it is."""
    if task.loss != "classes":
        return ""
    loss = regression_loss_of(compiled, interface.judged_name, interface.judged)
    if interface.unit != "logit" or loss is None:
        return ""
    return (
        f"the model's output {interface.judged_name!r} is one linear unit that was trained with "
        f"{loss}. With labels 0 and 1, the threshold between its classes is then probably 0.5, not "
        "0; train it with binary cross-entropy and from_logits=True, or with a sigmoid"
    )


@contextmanager
def _doubting(doubt: str, observer: Observer) -> Iterator[None]:
    """Puts a doubt before what speaks against the data, or else tells of it by itself."""
    try:
        yield
    except DataError as error:
        if not doubt:
            raise
        raise DataError(f"{doubt}.\n{error}") from error
    if doubt:
        observer.note(f"{doubt[0].upper()}{doubt[1:]}.")


def _candidates(packed: LayerGraph, data: Dataset, asked: Scaling) -> tuple[InputScaling, ...]:
    """The scalings to try: several inputs, and numbers that are names, are taken as they are."""
    if data.input_shapes and asked not in ("auto", "none"):
        raise ConfigError(
            f"`scaling` is {asked!r}, but the model has {len(data.input_shapes)} inputs, which "
            "are used unscaled; expected auto or none"
        )
    if asked == "auto" and (data.input_shapes or input_kind(packed) == "ids"):
        return (fit_scaling("none", data.x_train),)
    coloured = input_kind(packed) == "image" and data.x_train.ndim == 4
    coloured &= data.image_shape[-1] == 3
    if asked in COLOUR_KINDS and not coloured:
        raise ConfigError(
            f"`scaling` is {asked!r}, which is for images with three colour channels, but samples "
            f"have the shape {shape_text(data.image_shape)}; expected one of "
            f"{', '.join(kind for kind in SCALING_KINDS if kind not in COLOUR_KINDS)}"
        )
    return candidate_scalings(
        data.x_train,
        kinds=SCALING_KINDS if asked == "auto" else (asked,),
        has_channels=has_channels(packed),
        coloured=coloured,
        full=data.full_value,
    )
