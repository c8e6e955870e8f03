"""Calling models and layers directly, also those that TensorFlow cannot run call by call."""

from collections.abc import Callable
from typing import Any

import keras

_CONVOLUTIONS = (
    *(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D),
    *(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose),
)


def direct(layer: Any) -> Callable[..., Any]:
    """A function that calls a layer or a model.

    TensorFlow has no kernels for convolutions with channels first on a CPU; XLA, which a compiled
    function goes through, has.
    """
    if not needs_xla(layer):
        return lambda *args, **kwargs: layer(*args, **kwargs)
    import tensorflow as tf

    compiled: Callable[..., Any] = tf.function(layer.__call__, jit_compile=True)
    return compiled


def needs_xla(layer: Any) -> bool:
    """Whether the backend can only run a layer or a model compiled by XLA."""
    if keras.backend.backend() != "tensorflow":
        return False
    return any(
        isinstance(each, _CONVOLUTIONS) and each.data_format == "channels_first"
        for each in layer._flatten_layers()
    )
