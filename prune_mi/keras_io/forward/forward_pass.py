"""Calling models and layers, also those that TensorFlow cannot run call by call."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.model_graph.trace import model_ends

_CONVOLUTIONS = (
    *(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D),
    *(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose),
)


def forward_function(layer: Any) -> Callable[..., Any]:
    """A function that calls a layer or a model.

    TensorFlow has no kernels for convolutions with channels first on a CPU; XLA, which a compiled
    function goes through, has.
    """
    if not needs_xla(layer):
        return lambda *args, **kwargs: layer(*args, **kwargs)
    import tensorflow as tf

    function: Callable[..., Any] = tf.function(layer.__call__, jit_compile=True)
    return function


def eager_forward(model: keras.Model) -> Callable[[np.ndarray], Any]:
    """A function that gives a model's outputs, in inference, as the backend's tensors.

    Operation by operation with TensorFlow; other backends compile a model as a whole.
    """
    if keras.backend.backend() != "tensorflow":
        return compiled_forward(model)
    call = forward_function(model)
    return lambda batch: call(keras.ops.convert_to_tensor(batch), training=False)


def compiled_forward(model: keras.Model) -> Callable[[np.ndarray], Any]:
    """The same, compiled anew for every size of batch.

    With TensorFlow without what Keras wraps around a prediction, which takes as long to trace as
    the model itself.
    """
    if keras.backend.backend() != "tensorflow":
        predict: Callable[[np.ndarray], Any] = model.predict_on_batch
        return predict
    import tensorflow as tf

    run: Callable[[np.ndarray], Any] = tf.function(
        lambda batch: model(batch, training=False),
        autograph=False,
        jit_compile=needs_xla(model),
    )

    def answer(batch: np.ndarray) -> Any:
        nonlocal run
        try:
            return run(batch)
        except tf.errors.OperatorNotAllowedInGraphError:  # a layer asks for a tensor's value
            run = eager_forward(model)
            return run(batch)

    return answer


def needs_xla(layer: Any) -> bool:
    """Whether the backend can only run a layer or a model compiled by XLA."""
    if keras.backend.backend() != "tensorflow":
        return False
    return any(
        isinstance(each, _CONVOLUTIONS) and each.data_format == "channels_first"
        for each in layer._flatten_layers()
    )


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
            outputs = keras.tree.flatten(forward_function(model)(inputs, training=False))
    except Exception as error:  # a layer's own class raises whatever it likes
        raise ModelError(
            f"the model fails on an input of its own shape: {first_line(error)}"
        ) from error
    return [np.asarray(keras.ops.convert_to_numpy(each)).astype(np.float64) for each in outputs]
