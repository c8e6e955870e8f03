"""A model's answers as plain arrays, which can be compared with another model's."""

from typing import Any

import keras
import numpy as np


def outputs_of(model: keras.Model, inputs: Any) -> list[np.ndarray]:
    """A model's outputs at inference, whatever their structure, as a list of float64 arrays."""
    outputs = keras.tree.flatten(model(inputs, training=False))
    return [np.asarray(keras.ops.convert_to_numpy(each)).astype(np.float64) for each in outputs]
