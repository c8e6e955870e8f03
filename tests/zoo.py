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


def nested() -> keras.Model:
    """A model and a Sequential inside, both with layers named as outer ones are."""
    inner_in = keras.Input((8, 8, 4))
    y = layers.Conv2D(4, 3, padding="same", name="conv")(inner_in)
    y = layers.ReLU()(layers.BatchNormalization(name="norm")(y))
    backbone = keras.Model(inner_in, layers.Add()([inner_in, y]), name="backbone")
    head = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="relu", name="dense"),
            layers.Dense(3, name="logits"),
        ],
        name="head",
    )
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    x = layers.GlobalAveragePooling2D()(backbone(x, training=False))
    return keras.Model(inputs, layers.Softmax()(head(x)))


def shared_nested() -> keras.Model:
    """A model inside that is called twice, with two inputs and two outputs."""
    a, b = keras.Input((8, 8, 4)), keras.Input((8, 8, 4))
    conv = layers.Conv2D(4, 3, padding="same")
    twins = keras.Model([a, b], [layers.ReLU()(conv(a)), layers.Add()([conv(b), a])], name="twins")
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 1)(inputs)
    y, z = twins([x, layers.ReLU()(x)])
    y, z = twins([z, y])
    return keras.Model(inputs, _head(layers.Concatenate()([y, z])))


def densely_connected() -> keras.Model:
    """A dense block: norm, ReLU, convolution, concatenation."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Concatenate()([x, layers.Conv2D(3, 3, padding="same")(y)])
    x = layers.Conv2D(5, 1)(layers.ReLU()(layers.BatchNormalization()(x)))
    return keras.Model(inputs, _head(layers.AveragePooling2D(2)(x)))


def squeeze_excite() -> keras.Model:
    """An inverted residual with a gate, as mobile networks have."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same")(layers.Rescaling(0.5)(inputs))
    y = layers.Activation("swish")(layers.BatchNormalization()(layers.Conv2D(8, 1)(x)))
    y = layers.Activation("swish")(layers.DepthwiseConv2D(3, padding="same")(y))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Conv2D(2, 1, activation="swish")(gate)
    y = layers.Multiply()([y, layers.Conv2D(8, 1, activation="sigmoid")(gate)])
    y = layers.Dropout(0.2)(layers.BatchNormalization()(layers.Conv2D(4, 1)(y)))
    return keras.Model(inputs, _head(layers.Add()([y, x])))


def parallel() -> keras.Model:
    """Parallel branches whose readers flatten, in groups and depthwise."""
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(4, 1)(inputs)
    a = layers.Conv2D(2, 1, activation="relu")(x)
    b = layers.Conv2D(4, 3, padding="same", groups=2)(x)
    c = layers.Conv2D(3, 1)(layers.MaxPooling2D(3, strides=1, padding="same")(x))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Concatenate()([a, b, c]))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.ZeroPadding2D()(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def attention() -> keras.Model:
    """A transformer block: attention and a two-layer perceptron, each in a branch."""
    inputs = keras.Input((8, 8, 2))
    x = layers.Reshape((16, 6))(layers.Conv2D(6, 2, strides=2)(inputs))
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 3)(y, y)])
    y = layers.Dense(12, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(6)(y)]))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def one_dimensional() -> keras.Model:
    """Signals instead of images."""
    inputs = keras.Input((16, 2))
    x = layers.Conv1D(4, 3, padding="same", activation="relu")(inputs)
    y = layers.BatchNormalization()(layers.Conv1D(4, 3, padding="same")(x))
    x = layers.MaxPooling1D()(layers.Add()([x, y]))
    x = layers.SeparableConv1D(4, 3, padding="same")(x)
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


def three_dimensional() -> keras.Model:
    """Volumes instead of images."""
    inputs = keras.Input((4, 4, 4, 2))
    x = layers.Conv3D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv3D(4, 3, padding="same", activation="relu")(x)
    x = layers.AveragePooling3D(2)(x)
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling3D()(x)))


def channels_first() -> keras.Model:
    """Channels before rows and columns.

    Keras with TensorFlow adds a bias to the columns where there are as many as channels.
    """
    first = {"data_format": "channels_first"}
    inputs = keras.Input((2, 8, 8))
    x = layers.Conv2D(4, 3, padding="same", **first)(inputs)
    y = layers.Conv2D(3, 3, padding="same", **first)(layers.ReLU()(x))
    x = layers.Concatenate(axis=1)([x, layers.BatchNormalization(axis=1)(y)])
    x = layers.Conv2D(3, 1, **first)(layers.AveragePooling2D(2, **first)(x))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten(**first)(x)))


def mixed_precision() -> keras.Model:
    """Half-precision computation with whole-precision weights, frozen in part."""
    policy = "mixed_bfloat16"
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", dtype=policy)(inputs)
    x = layers.BatchNormalization(dtype=policy, trainable=False)(x)
    x = layers.Conv2D(4, 3, padding="same", dtype=policy, activation="relu")(x)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", dtype="float32")(x))


ZOO: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build
    for build in (
        *(chain, residual, concatenated, shared, multi_output, with_operations),
        *(nested, shared_nested, densely_connected, squeeze_excite, parallel, attention),
        *(one_dimensional, three_dimensional, channels_first, mixed_precision),
    )
}
