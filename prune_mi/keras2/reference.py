"""What the old model answers to random inputs: a model made from it must answer the same."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from prune_mi.equivalence import perturbed, random_inputs, relative_difference
from prune_mi.errors import ModelError, first_line

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
