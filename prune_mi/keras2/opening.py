"""Opens what Keras 2 wrote, with Keras 2, and asks it about random inputs.

A model that is made from it must give the same answers.
"""

import itertools
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from prune_mi.custom_code import custom_objects
from prune_mi.equivalence import perturbed, random_inputs, relative_difference
from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.files.archive import weights_name


def open_model(request: Mapping[str, Any], folder: Path) -> Any:
    """Opens the model that a request names; it is not compiled.

    Args:
        request: `kind` (`keras`, `h5`, `weights` or `saved_model`), `path`, `config` (the
            architecture as JSON text, for the latter two), `custom_objects`, `allow_unsafe` and
            `most_weights`, the weights that the model may have at most.
        folder: May be written to.

    Raises:
        ModelError: If the model has too many weights, or the weights are not this model's.
    """
    kind, path = request["kind"], Path(request["path"])
    with _known(request["custom_objects"]), _bounded(request["most_weights"]):
        if kind in ("weights", "saved_model"):
            model = tf_keras.models.model_from_json(request["config"])
            if not model.built:
                raise ModelError(
                    "the architecture does not say what shape the input has; expected a model that "
                    "was built before it was saved"
                )
            if kind == "weights":
                model.load_weights(shutil.copyfile(path, folder / weights_name(path)))
            else:
                _restore(model, path)
            return model
        if kind == "keras":
            # Keras 2 opens an archive for writing, though it only reads it.
            path = Path(shutil.copyfile(path, folder / "model.keras"))
        return tf_keras.models.load_model(
            path, compile=False, safe_mode=not request["allow_unsafe"]
        )


@contextmanager
def _known(source: str | None) -> Iterator[None]:
    if source is None:
        yield
        return
    # One file of layers serves both processes: its `import keras` is Keras 2 here.
    sys.modules["keras"] = tf_keras
    with tf_keras.utils.custom_object_scope(custom_objects(source, tf_keras)):
        yield


@contextmanager
def _bounded(most_weights: int) -> Iterator[None]:
    """Refuses a weight before memory is asked for it."""
    total = 0

    def create(next_creator: Any, **kwargs: Any) -> Any:
        nonlocal total
        shape = kwargs.get("shape")
        if shape is not None and tf.TensorShape(shape).is_fully_defined():
            total += int(np.prod([int(axis) for axis in tf.TensorShape(shape)], dtype=float))
        if total > most_weights:
            raise ModelError(
                f"its architecture asks for more than {most_weights:,} weights, far more than the "
                "file holds"
            )
        return next_creator(**kwargs)

    with tf.variable_creator_scope(create):
        yield


def _restore(model: Any, path: Path) -> None:
    """Restores a SavedModel's variables into a model made from its metadata.

    `tf_keras.models.load_model` would run the graph that lies beside them, and that may be any
    program.
    """
    status = model.load_weights(path / "variables" / "variables")
    try:
        status.assert_existing_objects_matched()
    except AssertionError as error:
        raise ModelError("the SavedModel's variables are not those of its layers") from error
    status.expect_partial()


_SIZES = (64, 224)  # for axes of unknown size; deep networks shrink small images to nothing
_REPEATED = 1e-3


def write_outputs(model: Any, path: Path, *, seed: int) -> dict[str, Any]:
    """Asks a model about random inputs, and writes inputs and outputs to an `.npz`.

    Returns:
        `num_inputs` and `num_outputs`, which are arrays `input_0`, `output_0` and so on;
        `repeatable`, whether the model answers the same twice; and `sensitivity`, the relative
        difference that rounding of the inputs makes.

    Raises:
        ModelError: If no input that was tried fits the model.
    """
    tensors = tf.nest.flatten(model.input)
    specs = [(tensor.shape.as_list(), tensor.dtype.name) for tensor in tensors]
    types = [tensor.dtype for tensor in tensors]
    wrong = [
        each.name for each in types if not (each.is_floating or each.is_integer or each.is_bool)
    ]
    if wrong:
        raise ModelError(f"an input of the model has the type {wrong[0]}; expected numbers")
    failure = ""
    unknown = any(None in shape[1:] for shape, _ in specs)
    sizes = _SIZES if unknown else _SIZES[:1]
    for as_indices, size in itertools.product((False, True), sizes):
        rng = np.random.default_rng(seed)
        arrays = random_inputs(specs, rng=rng, unknown_size=size, as_indices=as_indices)
        try:
            outputs, again, moved = (
                _answers(model, each) for each in (arrays, arrays, perturbed(arrays, rng=rng))
            )
        except (tf.errors.InvalidArgumentError, ValueError) as error:
            failure = failure or first_line(error)
            continue
        named = {f"input_{index}": array for index, array in enumerate(arrays)}
        named |= {f"output_{index}": array for index, array in enumerate(outputs)}
        np.savez(path, **named)  # type: ignore[arg-type]
        return {
            "num_inputs": len(arrays),
            "num_outputs": len(outputs),
            "repeatable": relative_difference(again, outputs) < _REPEATED,
            "sensitivity": min(1.0, relative_difference(moved, outputs)),
        }
    raise ModelError(f"the model fails on an input of its own shape: {failure}")


def _answers(model: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    tensors = tf.nest.flatten(model.input)
    cast = [tf.cast(array, each.dtype) for array, each in zip(arrays, tensors, strict=True)]
    outputs = model(tf.nest.pack_sequence_as(model.input, cast), training=False)
    return [tf.cast(output, tf.float64).numpy() for output in tf.nest.flatten(outputs)]
