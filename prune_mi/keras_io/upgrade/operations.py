"""TensorFlow operations in a Keras 2 model, as layers of Keras 3 or calls of `keras.ops`.

Keras 2 wraps `tf.nn.relu(x)` in a layer that knows the function's public name and the arguments of
the call. Each such name has a function here with TensorFlow's own argument names. Where a layer of
Keras does the same, a layer it becomes: layers have the old names, and HDF5 can hold them.
"""

from collections.abc import Mapping
from typing import Any

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.upgrade import (
    operations_arithmetic,
    operations_neural,
    operations_shape,
)
from prune_mi.keras_io.upgrade.keras_calls import Operation

OPERATIONS: Mapping[str, Operation] = {
    **operations_arithmetic.OPERATIONS,
    **operations_neural.OPERATIONS,
    **operations_shape.OPERATIONS,
}


def find_operation(function: str, layer: str) -> Operation:
    """The counterpart of a TensorFlow function, by its public name such as `compat.v1.squeeze`.

    Raises:
        ModelError: If it has none; `layer` is what calls it.
    """
    found = OPERATIONS.get(function.removeprefix("compat.v1."))
    if found is None:
        raise ModelError(
            f"the layer {layer!r} calls TensorFlow's {function!r}, for which prune-mi has no "
            "counterpart in Keras 3; express it with a layer of Keras and save the model again"
        )
    return found


def apply_operation(
    function: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Calls the counterpart of a TensorFlow function.

    Args:
        function: Its public name.
        name: What the layer or operation is to be called.
        args: Of the call, with tensors of Keras 3.
        kwargs: The same.

    Returns:
        A tensor, a list of tensors, or plain numbers where shapes are asked about.

    Raises:
        ModelError: If the function has no counterpart, or not with these arguments.
    """
    operation = find_operation(function, name)
    # TensorFlow's defaults are None wherever None is passed; its names do not matter here.
    given = {key: value for key, value in kwargs.items() if key != "name" and value is not None}
    try:
        return operation(name, *args, **given)
    except ModelError:
        raise
    except Exception as error:  # wrong arguments, or whatever Keras makes of them
        raise ModelError(
            f"the layer {name!r} calls TensorFlow's {function!r} with arguments that prune-mi has "
            f"no counterpart for in Keras 3 ({first_line(error)}); express it with a layer of "
            "Keras and save the model again"
        ) from error
