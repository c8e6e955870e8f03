"""Small Keras models that between them have every shape of graph the tracer must read."""

from collections.abc import Callable

import keras
from keras import layers


def _conv_block(x: keras.KerasTensor, filters: int, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, strides=strides, padding="same")(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def _head(x: keras.KerasTensor, name: str = "classes") -> keras.KerasTensor:
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(3, activation="softmax", name=name)(x)


def chain() -> keras.Model:
    """Sequential, with dropout and a repeated convolution."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Dropout(0.3),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(6, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def residual() -> keras.Model:
    """An identity shortcut and a projected one."""
    inputs = keras.Input((8, 8, 2))
    x = _conv_block(inputs, 4)
    y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(_conv_block(x, 4)))
    x = layers.ReLU()(layers.Add()([x, y]))
    y = layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(_conv_block(x, 6, 2)))
    x = layers.ReLU()(layers.Add()([layers.Conv2D(6, 1, strides=2)(x), y]))
    return keras.Model(inputs, _head(x))


def concatenated() -> keras.Model:
    """Parallel branches that are concatenated, one of them depthwise."""
    inputs = keras.Input((8, 8, 4))
    a = layers.DepthwiseConv2D(3, padding="same")(inputs)
    b = layers.SeparableConv2D(5, 3, padding="same")(inputs)
    x = layers.Concatenate()([a, b, inputs])
    return keras.Model(inputs, _head(_conv_block(x, 4)))


def shared() -> keras.Model:
    """One convolution called three times."""
    inputs = keras.Input((8, 8, 2))
    conv = layers.Conv2D(4, 3, padding="same", name="shared")
    x = layers.ReLU()(layers.Conv2D(4, 1)(inputs))
    x = conv(layers.ReLU()(conv(conv(x))))
    return keras.Model(inputs, _head(x))


def multi_output() -> keras.Model:
    """Two heads, returned by name."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = _conv_block(_conv_block(inputs, 4), 4)
    return keras.Model(inputs, {"coarse": _head(x, "coarse"), "fine": _head(x, "fine")})


def with_operations() -> keras.Model:
    """Arithmetic and keras.ops calls that `model.layers` hides."""
    inputs = keras.Input((8, 8, 2))
    x = _conv_block(inputs * 2.0 - 1.0, 4)
    y = keras.ops.relu(layers.Conv2D(4, 3, padding="same")(x))
    x = keras.ops.concatenate([x + y, keras.ops.maximum(x, y)], axis=-1)
    return keras.Model(inputs, _head(x))


ZOO: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build
    for build in (chain, residual, concatenated, shared, multi_output, with_operations)
}
