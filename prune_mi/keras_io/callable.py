"""Calling models and layers directly, also those that TensorFlow cannot run call by call."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

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

    function: Callable[..., Any] = tf.function(layer.__call__, jit_compile=True)
    return function


def called_eagerly(model: keras.Model) -> Callable[[np.ndarray], Any]:
    """A function that gives a model's outputs, in inference, as the backend's tensors.

    Operation by operation with TensorFlow; other backends compile a model as a whole.
    """
    if keras.backend.backend() != "tensorflow":
        return compiled(model)
    call = direct(model)
    return lambda batch: call(keras.ops.convert_to_tensor(batch), training=False)


def compiled(model: keras.Model) -> Callable[[np.ndarray], Any]:
    """The same, compiled anew for every size of batch.

    With TensorFlow without what Keras wraps around a prediction, which takes as long to trace as
    the model itself.
    """
    if keras.backend.backend() != "tensorflow":
        predict: Callable[[np.ndarray], Any] = model.predict_on_batch
        return predict
    import tensorflow as tf

    function: Callable[[np.ndarray], Any] = tf.function(
        lambda batch: model(batch, training=False),
        autograph=False,
        jit_compile=needs_xla(model),
    )

    def answer(batch: np.ndarray) -> Any:
        try:
            return function(batch)
        except tf.errors.OperatorNotAllowedInGraphError:  # a layer asks for a tensor's value
            return called_eagerly(model)(batch)

    return answer


def needs_xla(layer: Any) -> bool:
    """Whether the backend can only run a layer or a model compiled by XLA."""
    if keras.backend.backend() != "tensorflow":
        return False
    return any(
        isinstance(each, _CONVOLUTIONS) and each.data_format == "channels_first"
        for each in layer._flatten_layers()
    )
