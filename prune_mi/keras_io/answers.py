"""What a model is asked, and its answers as plain arrays that can be compared with another's."""

from typing import Any

import keras
import numpy as np

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.callable import direct
from prune_mi.keras_io.trace import model_ends


def input_structure(model: keras.Model) -> Any:
    """A model's symbolic inputs in the structure it is called with: a list, a dict, one tensor.

    Raises:
        ModelError: If it has none: it is not built, or only its code knows its graph.
    """
    inputs, _ = model_ends(model)
    # Keras asks which call of a Sequential model is meant, and there has been none.
    return inputs[0] if isinstance(model, keras.Sequential) else model.input


def outputs_of(model: keras.Model, inputs: Any) -> list[np.ndarray]:
    """A model's outputs at inference, whatever their structure, as a list of float64 arrays.

    They are computed on the CPU: GPUs multiply in fewer digits, which would hide real differences.

    Raises:
        ModelError: If the model fails on these inputs.
    """
    try:
        with keras.device("cpu:0"):
            outputs = keras.tree.flatten(direct(model)(inputs, training=False))
    except Exception as error:  # a layer's own class raises whatever it likes
        raise ModelError(
            f"the model fails on an input of its own shape: {first_line(error)}"
        ) from error
    return [np.asarray(keras.ops.convert_to_numpy(each)).astype(np.float64) for each in outputs]
