"""How a model wants its images: scaling, augmentation, kind of output."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.data import (
    AugmentationPolicy,
    Dataset,
    InputScaling,
    candidate_scalings,
    choose_scaling,
    fit_scaling,
    stratified_sample,
)
from prune_mi.errors import ModelError
from prune_mi.graph.choose import with_choices
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.sizes import with_input_size
from prune_mi.keras_io.trace import model_ends, trace_model
from prune_mi.measure.quality import is_probabilities, predict
from prune_mi.records import Observer
from prune_mi.stages.augmentation import find_augmentation

_PROBE_IMAGES = 512
_CLOSE_IMAGES = 4000


@dataclass(frozen=True, slots=True)
class Understanding:
    """The original, and how it wants its images.

    Attributes:
        graph: The original model.
        num_classes: Outputs of its classifier.
        from_logits: Whether they are logits.
        scaling, augmentation: As given or found out.
        calibration: The augmentation that its batch-norm statistics stem from.
    """

    graph: LayerGraph
    num_classes: int
    from_logits: bool
    scaling: InputScaling
    augmentation: AugmentationPolicy
    calibration: AugmentationPolicy


def classifier_shapes(model: keras.Model) -> tuple[tuple[int | None, ...], int]:
    """The shape of one input image, and the number of classes.

    Raises:
        ModelError: If the model is not an image classifier with one input and one output.
    """
    inputs, outputs = model_ends(model)
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"the model has {len(inputs)} inputs and {len(outputs)} outputs; expected one image "
            "input and one classifier output"
        )
    shape, output = tuple(inputs[0].shape[1:]), tuple(outputs[0].shape)
    if len(output) != 2 or output[1] is None or output[1] < 2:
        raise ModelError(
            f"the model's output has the shape {output}; expected a classifier's (batch, classes) "
            "with at least 2 classes"
        )
    if len(shape) not in (2, 3):
        raise ModelError(
            f"the model's input has the shape {shape}; expected images (H, W, C) or (H, W)"
        )
    return shape, int(output[1])


def understand(
    model: keras.Model, data: Dataset, settings: OptimizeSettings, observer: Observer
) -> Understanding:
    """Finds out how a model wants its images.

    Raises:
        DataError: If the model does not classify this data clearly better than chance.
        ModelError: If the model's graph cannot be read or rebuilt, or has no weights.
    """
    shape, num_classes = classifier_shapes(model)
    graph = trace_model(model)
    if not any(layer.weights for layer in graph.layers.values()):
        raise ModelError(f"the model {graph.name!r} has no weights; expected a trained model")
    if None in shape:
        sizes = zip(data.x_train.shape[1:], shape, strict=True)
        graph = with_input_size(graph, [size for size, known in sizes if known is None])
        observer.note(
            f"The model takes images of any size; its costs are counted, and the result is made, "
            f"for {'x'.join(map(str, data.x_train.shape[1:]))}."
        )
    graph = with_choices(graph, freeze=settings.freeze, protect=settings.protect)
    rebuilt = build_model(graph)
    rng = np.random.default_rng((settings.seed, 0))
    probe = stratified_sample(data.y_train, size=_PROBE_IMAGES, rng=rng)
    images, labels = data.x_train[probe], data.y_train[probe]
    scaling = _find_scaling(rebuilt, data, images, labels, num_classes, settings, observer)
    outputs = predict(rebuilt, images, scaling)
    _require_equal(outputs, predict(model, images, scaling), graph.name)
    if not np.isfinite(outputs).all():
        raise ModelError(f"the model {graph.name!r} yields NaN or infinity on training images")
    augmentation, calibration = find_augmentation(
        graph, images, labels, scaling, settings, observer
    )
    return Understanding(
        graph=graph,
        num_classes=num_classes,
        from_logits=_yields_logits(graph, outputs),
        scaling=scaling,
        augmentation=augmentation,
        calibration=calibration,
    )


def _find_scaling(
    model: keras.Model,
    data: Dataset,
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    settings: OptimizeSettings,
    observer: Observer,
) -> InputScaling:
    candidates = (
        candidate_scalings(data.x_train)
        if settings.scaling == "auto"
        else (fit_scaling(settings.scaling, data.x_train),)
    )
    right: dict[str, np.ndarray] = {
        each.kind: _right(model, images, labels, each) for each in candidates
    }
    found: dict[str, float] = {kind: float(each.mean()) for kind, each in right.items()}
    close = _close_to_best(right)
    if len(close) > 1:
        more = stratified_sample(data.y_train, size=_CLOSE_IMAGES, rng=np.random.default_rng(0))
        images, labels = data.x_train[more], data.y_train[more]
        right = {
            each.kind: _right(model, images, labels, each)
            for each in candidates
            if each.kind in close
        }
    found |= {kind: float(each.mean()) for kind, each in right.items()}
    share = float(np.bincount(labels, minlength=num_classes).max() / len(labels))
    winner = choose_scaling(
        found, num_samples=len(labels), num_classes=num_classes, majority_share=share
    )
    scaling = next(each for each in candidates if each.kind == winner)
    scores = ", ".join(f"{kind} {score:.3f}" for kind, score in found.items())
    how = "found" if settings.scaling == "auto" else "as given"
    observer.note(
        f"Input scaling {how}: {scaling.describe()} (accuracy on {len(labels)} training images: "
        f"{scores})."
    )
    rivals = [kind for kind in _close_to_best(right) if kind != winner]
    if rivals:
        observer.note(
            f"The scaling {rivals[0]} does as well; if the model was trained on it, pass "
            f"--scaling {rivals[0]}."
        )
    return scaling


def _right(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, scaling: InputScaling
) -> np.ndarray:
    return np.asarray(predict(model, images, scaling).argmax(axis=1) == labels)


def _close_to_best(right: Mapping[str, np.ndarray]) -> list[str]:
    """The best scaling and those within two standard errors of it, paired image by image."""
    best = max(right.values(), key=lambda each: float(each.mean()))

    def is_close(each: np.ndarray) -> bool:
        difference = best.astype(float) - each
        return bool(difference.mean() <= 2 * difference.std() / np.sqrt(len(difference)))

    return [kind for kind, each in right.items() if is_close(each)]


def _yields_logits(graph: LayerGraph, outputs: np.ndarray) -> bool:
    """Whether the classifier yields logits, by its last activation or else by its outputs."""
    layer = graph.layer_of(graph.node_by_name[graph.outputs[0].node])
    activation = layer.config.get("activation")
    if activation == "sigmoid":
        raise ModelError(
            f"the model's output layer {layer.name!r} ends in a sigmoid, one yes or no a class; "
            "expected a softmax over the classes, or logits"
        )
    if activation == "softmax" or layer.class_name == "Softmax":
        return False
    return not is_probabilities(outputs)


def _require_equal(rebuilt: np.ndarray, original: np.ndarray, name: str) -> None:
    if not np.allclose(rebuilt, original, rtol=1e-4, atol=1e-4, equal_nan=True):
        worst = float(np.max(np.abs(rebuilt - original)))
        raise ModelError(
            f"the model {name!r} cannot be rebuilt from its configuration and weights: outputs "
            f"differ by {worst:.2g}. A layer keeps state that its weights do not hold; expected "
            "Keras's own layers"
        )
