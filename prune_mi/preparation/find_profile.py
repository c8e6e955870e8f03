"""Finding out how a model wants its images, or what else it takes, and its classes' order."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np

from prune_mi.config import RunSettings
from prune_mi.config.values import Scaling
from prune_mi.data import (
    COLOUR_KINDS,
    NOT_VARIED,
    SCALING_KINDS,
    Dataset,
    InputScaling,
    candidate_scalings,
    fit_scaling,
    shape_text,
    stratified_sample,
)
from prune_mi.data.chunks import taken
from prune_mi.data.class_order import class_names
from prune_mi.errors import ConfigError, DataError, ModelError
from prune_mi.graph.analysis.input_kind import has_channels, input_kind
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.saving.compiling import CompileConfig, regression_loss_of
from prune_mi.measure.predictor import Predictor, predict
from prune_mi.preparation.augmentation import find_augmentation
from prune_mi.preparation.interface import Interface
from prune_mi.preparation.loading import unit_note
from prune_mi.preparation.logits import yields_logits
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.reading import gather
from prune_mi.preparation.rebuilt import opened, require_equal
from prune_mi.preparation.recalibrated import Recalibrated, with_statistics
from prune_mi.preparation.weak_model import find_reading
from prune_mi.records import Observer, SilentObserver

_PROBE_IMAGES = 512


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
        DataError: If the model does not classify this data clearly better than chance, or is far
            less right on it than it is sure of itself.
        ModelError: If the model's graph cannot be read or rebuilt, or has no weights.
    """
    interface, packing = opened(model, data, settings, observer)
    num_classes = interface.num_classes
    answers = Predictor(build_model(packing.graph))
    rng = np.random.default_rng((settings.seed, 0))
    probe = stratified_sample(data.y_train, size=_PROBE_IMAGES, rng=rng)
    images, labels = taken(data.x_train, probe), data.y_train[probe]
    candidates = _candidates(packing.graph, data, settings.scaling)

    def ask(rows: np.ndarray, scaling: InputScaling) -> np.ndarray:
        return answers(rows, scaling)[:, :num_classes]

    def others() -> Sequence[InputScaling]:
        is_auto = settings.scaling == "auto"
        return candidates if is_auto else _candidates(packing.graph, data, "auto")

    evidence = gather(ask, candidates, data, probe, num_classes)
    recalibrated = Recalibrated(packing.graph, images, num_classes=num_classes)
    with _doubting(_doubt_of_bound(interface, compiled), observer):
        reading = find_reading(evidence, recalibrated, settings, observer, others=others)
    scaling, order = reading.scaling, reading.order
    labels = order.relabelled(labels)
    if interface.unit is not None and not order.is_as_loaded:
        names = class_names(data)
        ordered = unit_note(interface, [names[place] for place in order.places])
        observer.note(f"In that order: {ordered}")
    outputs = answers(images, scaling)
    require_equal(outputs, model, packing, images, scaling)
    if not np.isfinite(outputs).all():
        name = packing.original.name
        raise ModelError(f"the model {name!r} yields NaN or infinity on training images")
    studied = packing.graph
    if reading.needs_statistics:
        studied = with_statistics(studied, images, scaling)
    augmentation = calibration = NOT_VARIED
    if trains:
        augmentation, calibration = find_augmentation(
            studied, images, labels, scaling, settings, observer, num_classes=num_classes
        )
    if interface.others and trains:
        observer.note(_told_of_others(interface))
    return Profile(
        packing=packing,
        num_classes=num_classes,
        others=interface.others,
        from_logits=yields_logits(packing.original, packing.judged, outputs[:, :num_classes]),
        scaling=scaling,
        augmentation=augmentation,
        calibration=calibration,
        order=None if order.is_as_loaded else order,
        needs_statistics=reading.needs_statistics,
    )


def profile_like(
    like: Profile, model: keras.Model, data: Dataset, settings: RunSettings
) -> Profile:
    """A model of the same classes taken as another one is: with its scaling.

    Nothing is found out from its own answers, so that a spoiled model can be measured as well.

    Args:
        like: The other one.
        model: Of Keras 3.
        data: As loaded for it.
        settings: The run's settings.

    Raises:
        ConfigError: If the other one's scaling is none for these images.
        ModelError: If the model's graph cannot be read or rebuilt, or has no weights.
    """
    interface, packing = opened(model, data, settings, SilentObserver())
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


def _doubt_of_bound(interface: Interface, compiled: CompileConfig | None) -> str:
    """Why 0 may not be what divides the classes of one linear unit; empty where it is."""
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
