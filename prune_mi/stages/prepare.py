"""From a model and its data to a search's starting point: scaling, augmentation, roles."""

import time
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
    stratified_split,
)
from prune_mi.errors import DataError, ModelError
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.trace import trace_model
from prune_mi.measure.honesty import remembers_training
from prune_mi.measure.quality import accuracy, is_probabilities, predict
from prune_mi.records import Observer
from prune_mi.training.distillation import log_probabilities

_PROBE_IMAGES = 512
_MEMORY_IMAGES = 2000
_TOLERATED_LOSS = 0.02
_SEARCH_SPLIT = 0.1
_MAX_SEARCH_SPLIT = 5000


@dataclass(frozen=True, slots=True)
class Roles:
    """Who sees which images.

    Attributes:
        train, validation, unseen: Index arrays into the split that each is taken from.
        validation_source: The split that validation images come from: `val`, `test` or `train`.
        description: The choice and its reason, for the user.
    """

    train: np.ndarray
    validation: np.ndarray
    unseen: np.ndarray
    validation_source: str
    description: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The model under optimization, measured.

    Attributes:
        graph: The original model.
        num_classes: Outputs of its classifier.
        from_logits: Whether they are logits.
        scaling, augmentation: As given or found out.
        roles: Who sees which images.
        test_outputs: The original's outputs on the whole test set.
        val_accuracy: Of the original.
        images_per_second: Evaluation speed of the whole machine.
    """

    graph: LayerGraph
    num_classes: int
    from_logits: bool
    scaling: InputScaling
    augmentation: AugmentationPolicy
    roles: Roles
    test_outputs: np.ndarray
    val_accuracy: float
    images_per_second: float


def classifier_shapes(model: keras.Model) -> tuple[tuple[int | None, ...], int]:
    """The shape of one input image, and the number of classes.

    Raises:
        ModelError: If the model is not an image classifier with one input and one output.
    """
    inputs, outputs = list(model.inputs or []), list(model.outputs or [])
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
    if len(shape) != 3:
        raise ModelError(f"the model's input has the shape {shape}; expected images (H, W, C)")
    return shape, int(output[1])


def study(
    model: keras.Model, data: Dataset, settings: OptimizeSettings, observer: Observer
) -> Subject:
    """Finds out how a model wants its images and who may see which, and measures it.

    Raises:
        DataError: If the model does not classify this data clearly better than chance, or a
            split is too small for its role.
        ModelError: If the model's graph cannot be read or has no weights.
    """
    _, num_classes = classifier_shapes(model)
    graph = trace_model(model)
    if not any(layer.weights for layer in graph.layers.values()):
        raise ModelError(f"the model {graph.name!r} has no weights; expected a trained model")
    rebuilt = build_model(graph)
    rng = np.random.default_rng((settings.seed, 0))
    probe = stratified_sample(data.y_train, size=_PROBE_IMAGES, rng=rng)
    images, labels = data.x_train[probe], data.y_train[probe]
    scaling = _find_scaling(rebuilt, data, images, labels, num_classes, settings, observer)
    outputs = predict(rebuilt, images, scaling)
    if not np.isfinite(outputs).all():
        raise ModelError(f"the model {graph.name!r} yields NaN or infinity on training images")
    augmentation = _find_augmentation(
        rebuilt, images, labels, accuracy(outputs, labels), scaling, settings, observer
    )
    started = time.monotonic()
    test_outputs = predict(rebuilt, data.x_test, scaling)
    speed = len(data.x_test) / max(time.monotonic() - started, 1e-6)
    roles = _assign_roles(rebuilt, data, scaling, test_outputs, settings)
    observer.note(roles.description)
    val_accuracy = (
        accuracy(test_outputs[roles.validation], data.y_test[roles.validation])
        if roles.validation_source == "test"
        else accuracy(
            predict(rebuilt, validation_images(data, roles)[0], scaling),
            validation_images(data, roles)[1],
        )
    )
    return Subject(
        graph=graph,
        num_classes=num_classes,
        from_logits=not is_probabilities(outputs),
        scaling=scaling,
        augmentation=augmentation,
        roles=roles,
        test_outputs=test_outputs,
        val_accuracy=val_accuracy,
        images_per_second=speed,
    )


def validation_images(data: Dataset, roles: Roles) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels that selection sees."""
    images, labels = {name: (x, y) for name, x, y in data.splits()}[roles.validation_source]
    return images[roles.validation], labels[roles.validation]


def teacher_targets(subject: Subject, images: np.ndarray) -> np.ndarray:
    """The original's log-probabilities on images, float32 `(n, num_classes)`."""
    model = build_model(subject.graph)
    outputs = predict(model, images, subject.scaling)
    return log_probabilities(outputs, from_logits=subject.from_logits).astype(np.float32)


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
    found: dict[str, float] = {
        each.kind: accuracy(predict(model, images, each), labels) for each in candidates
    }
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
    return scaling


def _find_augmentation(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    plain: float,
    scaling: InputScaling,
    settings: OptimizeSettings,
    observer: Observer,
) -> AugmentationPolicy:
    """Keeps the augmentations under which the original still classifies as well."""
    height = images.shape[1]
    asked = settings.training.augmentation
    if asked != "auto":
        return AugmentationPolicy.parse(asked, height)
    kept = []
    for name in ("flip", "shift"):
        policy = AugmentationPolicy.parse(name, height)
        if policy.name == "none":
            continue
        changed = policy.apply(images, rng=np.random.default_rng(0))
        if name == "flip":
            changed = images[:, :, ::-1]
        if accuracy(predict(model, changed, scaling), labels) >= plain - _TOLERATED_LOSS:
            kept.append(name)
    policy = AugmentationPolicy.parse("+".join(kept) or "none", height)
    observer.note(f"Augmentation: {policy.name}, which the original tolerates.")
    return policy


def _assign_roles(
    model: keras.Model,
    data: Dataset,
    scaling: InputScaling,
    test_outputs: np.ndarray,
    settings: OptimizeSettings,
) -> Roles:
    everything = np.arange(len(data.y_train))
    whole_test = np.arange(len(data.y_test))
    if data.y_val is not None:
        text = f"Validation: the {len(data.y_val)} validation images given."
        return Roles(everything, np.arange(len(data.y_val)), whole_test, "val", text)
    rng = np.random.default_rng((settings.seed, 1))
    source, why = settings.validation, "as asked"
    if source == "auto":
        sample = stratified_sample(data.y_train, size=_MEMORY_IMAGES, rng=rng)
        known = accuracy(predict(model, data.x_train[sample], scaling), data.y_train[sample])
        new = accuracy(test_outputs, data.y_test)
        remembers = remembers_training(known, len(sample), new, len(data.y_test))
        source = "test" if remembers else "train"
        why = (
            f"the original is right on {known:.3f} of its training images and {new:.3f} of the "
            f"test images, {'a significant' if remembers else 'no significant'} gap"
        )
    if source == "test":
        unseen, held = stratified_split(data.y_test, fraction=0.5, rng=rng)
        _require(len(held) and len(unseen), "test", len(data.y_test))
        text = (
            f"Validation: half of the test set, stratified ({len(held)} images); the other half "
            f"({len(unseen)}) stays untouched until the end, because {why}."
        )
        return Roles(everything, held, unseen, "test", text)
    fraction = min(_SEARCH_SPLIT, _MAX_SEARCH_SPLIT / len(everything))
    rest, held = stratified_split(data.y_train, fraction=fraction, rng=rng)
    _require(len(held) and len(rest), "training", len(data.y_train))
    text = (
        f"Validation: {len(held)} training images held out of training, stratified, because {why}."
    )
    return Roles(rest, held, whole_test, "train", text)


def _require(enough: int, split: str, size: int) -> None:
    if not enough:
        raise DataError(
            f"the {split} split has {size} images, too few to take a validation set from; give "
            "x_val and y_val (or a val/ folder) of your own"
        )
