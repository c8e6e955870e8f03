"""Writes model files with Keras 2, for the tests of the loader: `python SCRIPT FOLDER`.

Each model gets random weights, and FOLDER/NAME.npz has an input and what the model answers to it.
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1"
warnings.simplefilter("ignore")

import numpy as np
import tensorflow as tf
import tf_keras
from sklearn.datasets import load_digits
from tf_keras import layers

tf.get_logger().setLevel("ERROR")
RNG = np.random.default_rng(0)
IMAGE = (8, 8, 3)


def main(folder: Path) -> None:
    """Writes every file."""
    for name, (build, write) in MODELS.items():
        model = build()
        draw_weights(model)
        answer(model, folder / f"{name}.npz")
        write(model, folder / name)
    write_module_without_keras(folder / "exported")


def draw_weights(model: Any) -> None:
    """Random weights of a size at which outputs stay of the size of 1; variances are positive."""
    for weight in model.weights:
        if not hasattr(weight, "numpy") or not weight.dtype.is_floating:
            continue
        fan = max(1, int(np.prod(weight.shape[:-1])))
        values = RNG.standard_normal(weight.shape) / np.sqrt(fan)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # Normalization computes with what it finds here


def answer(model: Any, path: Path) -> None:
    """Asks the model about one random input."""
    inputs = [
        (
            RNG.integers(0, 5, (3, *tensor.shape[1:]))
            if tensor.dtype.is_integer
            else RNG.uniform(-1, 1, (3, *tensor.shape[1:]))
        ).astype(tensor.dtype.as_numpy_dtype)
        for tensor in model.inputs
    ]
    outputs = tf.nest.flatten(model([tf.constant(x) for x in inputs], training=False))
    named = {f"input_{index}": array for index, array in enumerate(inputs)}
    named |= {f"output_{index}": np.asarray(array) for index, array in enumerate(outputs)}
    np.savez(path, **named)


def write_as(suffix: str) -> Callable[[Any, Path], None]:
    """Writes a whole model as NAME with this suffix; an empty one means a SavedModel folder."""
    return lambda model, path: model.save(f"{path}{suffix}")


def write_weights(suffix: str) -> Callable[[Any, Path], None]:
    """Writes the architecture and the weights apart."""

    def write(model: Any, path: Path) -> None:
        path.with_suffix(".json").write_text(model.to_json())
        model.save_weights(f"{path}{suffix}")

    return write


def head(x: Any, classes: int = 4) -> Any:
    """A classifier's end."""
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return layers.Dense(classes, activation="softmax", name="classes")(x)


def block(x: Any, filters: int, strides: int = 1, name: str | None = None) -> Any:
    """Convolution, batch norm, ReLU."""
    x = layers.Conv2D(filters, 3, strides, "same", use_bias=False, name=name)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def flat() -> Any:
    """Residual, grouped, and with a convolution that is called twice; compiled."""
    inputs = layers.Input(IMAGE)
    x = block(inputs, 4, name="stem")
    x = layers.Add()([x, layers.Conv2D(4, 3, padding="same", groups=2, name="grouped")(x)])
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    model = tf_keras.Model(inputs, head(shared(shared(x))))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def chain() -> Any:
    """A flat Sequential model."""
    model = tf_keras.Sequential(
        [
            layers.Conv2D(4, 3, input_shape=IMAGE, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(4, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def mobile() -> Any:
    """Layers whose arguments Keras 3 does not know; compiled with objects and a schedule."""
    inputs = layers.Input(IMAGE)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(inputs)
    x = layers.ReLU(6.0)(layers.BatchNormalization(epsilon=1e-4)(x))
    x = layers.SeparableConv2D(6, 3, padding="same", name="separable")(x)
    x = layers.Conv2DTranspose(4, 3, 2, padding="same", name="transposed")(x)
    outputs = layers.Dense(4, name="classes")(layers.GlobalAveragePooling2D()(x))
    model = tf_keras.Model(inputs, outputs)
    rate = tf_keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9)
    model.compile(
        tf_keras.optimizers.Adam(rate, beta_1=0.8, clipnorm=1.0),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", tf_keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top2")],
    )
    return model


def nested() -> Any:
    """A model in a model in a model, shared, told not to train, frozen, with names that collide."""
    inner_inputs = layers.Input((8, 8, 4))
    x = layers.BatchNormalization(name="norm")(inner_inputs)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    inner = tf_keras.Model(inner_inputs, layers.Dropout(0.5, name="drop")(x), name="inner")
    tail = tf_keras.Sequential(
        [layers.Conv2D(4, 1, name="last", input_shape=(8, 8, 4)), layers.ReLU(name="act")],
        name="tail",
    )
    middle_inputs = layers.Input((8, 8, 4))
    middle = tf_keras.Model(
        middle_inputs, tail(inner(inner(middle_inputs), training=False)), name="middle"
    )
    frozen = tf_keras.Sequential(
        [layers.Conv2D(4, 3, padding="same", name="first", input_shape=(8, 8, 4))], name="frozen"
    )
    frozen.trainable = False
    inputs = layers.Input(IMAGE, name="image")
    x = layers.Conv2D(4, 1, name="conv")(inputs)
    x = layers.Add(name="sum")([middle(x), frozen(x)])
    return tf_keras.Model(inputs, head(x), name="outer")


def backbone() -> Any:
    """Sequential([backbone, Flatten, Dense]), as transfer learning makes it."""
    inputs = layers.Input(IMAGE)
    features = tf_keras.Model(inputs, block(block(inputs, 4, 2), 8, 2), name="features")
    features.trainable = False
    classes = layers.Dense(4, "softmax", name="classes")
    model = tf_keras.Sequential([features, layers.Flatten(name="flat"), classes])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def ends() -> Any:
    """Two inputs, and outputs by name."""
    left, right = layers.Input((4,), name="left"), layers.Input((6,), name="right")
    x = layers.Concatenate()([layers.Dense(5)(left), right])
    outputs = {"b": layers.Dense(2, name="b")(x), "a": layers.Dense(3, name="a")(x)}
    return tf_keras.Model([left, right], outputs)


def many_layers() -> Any:
    """One of everything that changed between the two."""
    inputs = layers.Input(IMAGE)
    scaled = layers.Normalization(axis=-1)
    scaled.adapt(RNG.uniform(0, 1, (4, *IMAGE)))
    x = scaled(layers.RandomFlip()(layers.Rescaling(2.0, -1.0)(inputs)))
    x = layers.Conv2D(8, 3, padding="same", name="a/slash", kernel_regularizer="l2")(x)
    x = layers.LeakyReLU(alpha=0.2)(layers.GroupNormalization(2)(x))
    x = layers.PReLU(shared_axes=[1, 2])(layers.LayerNormalization()(x))
    x = layers.ELU()(layers.ThresholdedReLU(theta=0.1)(x))
    x = layers.SpatialDropout2D(0.1)(layers.GaussianNoise(0.1)(layers.AlphaDropout(0.1)(x)))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Cropping2D(1)(layers.ZeroPadding2D(((1, 0), (0, 1)))(x))
    x = layers.Resizing(6, 6)(layers.Activation("swish")(x))
    x = layers.Reshape((36, 8))(layers.Permute((2, 1, 3))(x))
    x = layers.SeparableConv1D(8, 3, padding="same")(x)
    x = layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.Attention()([x, x])
    x = layers.TimeDistributed(layers.Dense(6))(x)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.Dot(axes=1)([x, layers.Conv1D(3, 2, padding="causal")(x)])
    return tf_keras.Model(inputs, layers.Softmax()(layers.Flatten()(x)))


def arithmetic() -> Any:
    """TensorFlow functions as users write them into a Functional model, one an output."""
    x = layers.Input((8, 8, 4))
    y = layers.Conv2D(4, 3, padding="same")(x)
    flags = y > 0
    batch = tf.shape(y)[0]
    outputs = [
        x * 2 + 1, 1 - x, x / 127.5 - 1.0, 2 / (x + 3), x + y, x - y, x * y, x / (y * y + 1), -x,
        x**2, tf.abs(x), tf.maximum(x, y), tf.minimum(x, 0.1), tf.add_n([x, y, x]), x % 0.3,
        tf.square(x), tf.sqrt(x + 2), tf.math.rsqrt(x + 2), tf.exp(x), tf.math.log(x + 2),
        tf.math.squared_difference(x, y), x - tf.constant([1.0, 2.0, 3.0, 4.0]),
        tf.nn.relu(y), tf.nn.relu6(y * 9), tf.sigmoid(x), tf.tanh(x), tf.nn.softmax(x),
        tf.nn.log_softmax(x), tf.nn.swish(x), tf.nn.silu(x, 1.5), tf.nn.gelu(x), tf.nn.elu(x),
        tf.nn.gelu(x, approximate=True), tf.nn.selu(x), tf.nn.leaky_relu(x, 0.1),
        tf.nn.leaky_relu(x), tf.math.softplus(x), tf.nn.softsign(x), x * tf.nn.relu6(x + 3.0) / 6.0,
        tf.nn.bias_add(x, [1.0, 2.0, 3.0, 4.0]), tf_keras.backend.hard_sigmoid(x),
        tf.reshape(x, [-1, 16, 16]), tf.reshape(x, [batch, -1]), tf.reshape(x, [batch, 64, 4]),
        tf.reshape(x, [batch, 8, 8, tf.shape(x)[3] // 2, 2]),
        tf.concat([x, y], -1), tf.stack([x, y], 1), *tf.unstack(x, axis=3), *tf.split(x, 2, -1),
        *tf.split(x, [1, 3], axis=3), tf.tile(x, [1, 2, 1, 1]), x[:, 1:5, ::2], x[..., 0],
        x[..., ::-1], x[:, tf.newaxis], x[:, -1], tf.cast(flags, tf.float32), tf.identity(x),
        tf.transpose(x, [0, 3, 1, 2]), tf.squeeze(tf.reduce_mean(x, -1, keepdims=True), -1),
        tf.expand_dims(x, 1), tf.pad(x, [[0, 0], [1, 1], [2, 1], [0, 0]]),
        tf.pad(x, [[0, 0], [1, 1], [2, 1], [0, 0]], "REFLECT"),
        tf.pad(x, [[0, 0], [0, 0], [0, 0], [1, 2]], constant_values=3.0),
        tf.reduce_mean(x, [1, 2]), tf.reduce_mean(x, [1, 2], keepdims=True), tf.reduce_sum(x, -1),
        tf.reduce_max(x, [1, 2]), tf.reduce_min(x, 1), tf.math.reduce_std(x, [1, 2]),
        tf.math.reduce_variance(x, -1), tf.math.reduce_logsumexp(x, -1),
        tf_keras.backend.mean(x, axis=[1, 2]), tf.clip_by_value(x, -0.5, 0.5),
        tf.math.l2_normalize(x, -1), tf.where(flags, x, y), tf.where(flags, x, 0.0),
        tf.matmul(x, y, transpose_b=True),
        tf.image.resize(x, (16, 12)), tf.image.resize(x, [4, 4], method="nearest"),
        tf_keras.backend.resize_images(x, 2, 2, "channels_last"), tf.image.flip_left_right(x),
        tf.image.per_image_standardization(x), tf.nn.space_to_depth(x, 2),
        tf.nn.depth_to_space(x, 2), tf.nn.max_pool2d(x, 2, 2, "SAME"),
        tf.nn.avg_pool2d(x, 3, 2, "VALID"), tf_keras.backend.pool2d(x, (2, 2)),
        tf.gather(x, [2, 0], axis=-1), tf.roll(x, 1, 2), tf.reverse(x, [1]),
        tf.repeat(x, 2, axis=1), tf.slice(x, [0, 1, 0, 0], [-1, 4, -1, 2]), tf.cumsum(x, 1),
        tf_keras.backend.batch_flatten(x), tf.zeros_like(x), tf.stop_gradient(x),
        tf.cast(tf.argmax(x, -1), tf.float32), tf.one_hot(tf.argmax(x, -1), 4),
        tf_keras.applications.resnet50.preprocess_input(x[..., :3] * 1.0),
        tf_keras.applications.mobilenet_v2.preprocess_input(x[..., :3] * 1.0),
        tf_keras.applications.densenet.preprocess_input(x[..., :3] * 1.0),
    ]  # fmt: skip
    return tf_keras.Model(x, outputs)


def half() -> Any:
    """Mixed precision."""
    tf_keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        inputs = layers.Input(IMAGE)
        x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(block(inputs, 4))
        pooled = layers.GlobalAveragePooling2D()(tf.nn.relu(x) * 0.5)
        classes = layers.Dense(4, "softmax", dtype="float32", name="classes")
        return tf_keras.Model(inputs, classes(pooled))
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")


def agreeing() -> Any:
    """Every layer and activation of `keras_io.upgrade.rewriting`, one or more an output."""
    image, line, cube = layers.Input((8, 8, 4)), layers.Input((9, 4)), layers.Input((6, 6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    names = (
        *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish"),
        *("sigmoid", "tanh", "softmax", "log_softmax", "softplus", "softsign", "exponential"),
    )
    outputs = [layers.Activation(name)(x) for name in names]
    outputs += [layers.Conv2D(3, 2, activation=name)(image) for name in names]
    outputs += [
        layers.Conv1D(3, 3, 2, "causal")(line), layers.Conv1D(3, 3, dilation_rate=2)(line),
        layers.Conv2D(4, 3, 2, "same", groups=2)(x), layers.Conv2D(4, 3, dilation_rate=2)(x),
        layers.Conv3D(3, 3, 2, "same")(cube), layers.Dense(3)(x), layers.Dense(3)(line),
        layers.BatchNormalization(epsilon=0.1)(x), layers.BatchNormalization(scale=False)(x),
        layers.BatchNormalization(axis=1, center=False)(x), layers.LayerNormalization()(x),
        layers.ReLU()(x), layers.ReLU(0.6, 0.1, 0.2)(x), layers.LeakyReLU(0.2)(x),
        layers.ELU(0.5)(x), layers.PReLU()(x), layers.PReLU(shared_axes=[1, 2])(x),
        layers.Softmax()(x), layers.Softmax(axis=1)(x), layers.Rescaling(0.5, 1.0)(x),
        layers.Rescaling([0.1, 0.2, 0.3, 0.4], 1.0)(x), layers.Dropout(0.5)(x),
        layers.GaussianNoise(0.5)(x), layers.Add()([x, image]), layers.Subtract()([x, image]),
        layers.Multiply()([x, image]), layers.Average()([x, image]), layers.Maximum()([x, image]),
        layers.Minimum()([x, image]), layers.Concatenate()([x, image]),
        layers.Concatenate(axis=1)([x, image]), layers.Multiply()([x, layers.Reshape((1, 1, 4))(
            layers.GlobalAveragePooling2D()(x))]),
        layers.Flatten()(x), layers.Reshape((-1, 2))(x), layers.Permute((3, 1, 2))(x),
        layers.RepeatVector(3)(layers.Flatten()(line)),
    ]  # fmt: skip
    for axes, each in enumerate((line, x, cube), start=1):
        for kind in ("Max", "Average"):
            pool = getattr(layers, f"{kind}Pooling{axes}D")
            outputs += [pool(2)(each), pool(3, 2, "same")(each)]
            pool = getattr(layers, f"Global{kind}Pooling{axes}D")
            outputs += [pool()(each), pool(keepdims=True)(each)]
        outputs.append(getattr(layers, f"ZeroPadding{axes}D")(2)(each))
        outputs.append(getattr(layers, f"Cropping{axes}D")(1)(each))
    return tf_keras.Model([image, line, cube], outputs)


def hard() -> Any:
    """`hard_sigmoid` alone, behind convolutions, one of which is called twice, and wrapped."""
    inputs = layers.Input(IMAGE)
    x = layers.Conv2D(4, 3, padding="same", activation="hard_sigmoid", name="fused")(inputs)
    shared = layers.Conv2D(4, 3, padding="same", activation="hard_sigmoid", name="shared")
    x = layers.Rescaling(6.0, -3.0)(shared(shared(x)))
    x = layers.Activation("hard_sigmoid", name="bare")(layers.BatchNormalization()(x))
    x = layers.Rescaling(6.0, -3.0)(layers.Reshape((64, 4))(x))
    x = layers.TimeDistributed(layers.Dense(4, activation="hard_sigmoid"), name="wrapped")(x)
    return tf_keras.Model(inputs, [x, layers.Dense(3, "hard_sigmoid", name="end")(x * 4.0)])


def hard_flat() -> Any:
    """The same in a file that Keras 3 opens without a complaint."""
    inputs = layers.Input(IMAGE)
    x = layers.Activation("hard_sigmoid", name="bare")(layers.Conv2D(4, 3)(inputs))
    return tf_keras.Model(inputs, head(layers.Conv2D(4, 3, activation="hard_sigmoid")(x)))


def hard_inside() -> Any:
    """And where a recurrent layer applies it at every step: Keras 2's ConvLSTM2D does by itself."""
    inputs = layers.Input((3, 8, 8, 2))
    return tf_keras.Model(inputs, head(layers.ConvLSTM2D(4, 3, name="steps")(inputs)))


def unlisted() -> Any:
    """A layer that Keras 3 opens, and of which it is not known that it does the same."""
    inputs = layers.Input(IMAGE)
    x = layers.UpSampling2D(2, interpolation="bicubic")(layers.Conv2D(4, 3)(inputs))
    return tf_keras.Model(inputs, head(x))


def states() -> Any:
    """Recurrent layers that start from states which others ended in."""
    inputs = layers.Input((6, 5))
    x, *both = layers.LSTM(4, return_sequences=True, return_state=True)(inputs)
    y, one = layers.GRU(4, return_sequences=True, return_state=True)(x)
    outputs = [
        layers.LSTM(4)(y, initial_state=both),
        layers.GRU(4)(x, initial_state=one),
        layers.Bidirectional(layers.LSTM(4))(y, initial_state=[*both, *both]),
        layers.Bidirectional(layers.GRU(4))(y),
    ]
    return tf_keras.Model(inputs, outputs)


def masked() -> Any:
    """Words of which some are none."""
    inputs = layers.Input((6,), dtype="int32")
    x = layers.Embedding(7, 5, mask_zero=True)(inputs)
    x = layers.LSTM(4, return_sequences=True)(layers.Dropout(0.1)(x))
    return tf_keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def floats_as_indices() -> Any:
    """An Embedding behind an input whose type was not said, which makes it one of floats."""
    inputs = layers.Input((7,))
    x = layers.GlobalAveragePooling1D()(layers.Embedding(10, 4)(inputs))
    return tf_keras.Model(inputs, layers.Dense(3)(x))


def lookup() -> Any:
    """Vocabularies, one given and one learned."""
    inputs = layers.Input((4,), dtype="int64")
    learned = layers.IntegerLookup(output_mode="multi_hot")
    learned.adapt(np.array([[3], [3], [2], [1]]))
    given = layers.IntegerLookup(vocabulary=[3, 1, 4])
    x = layers.Flatten()(layers.Embedding(5, 3)(given(inputs)))
    return tf_keras.Model(inputs, layers.Dense(3)(layers.Concatenate()([x, learned(inputs)])))


def with_code() -> Any:
    """A Lambda layer."""
    inputs = layers.Input(IMAGE)
    x = layers.Lambda(lambda images: images * 0.5 + 1, name="halve")(inputs)
    return tf_keras.Model(inputs, head(layers.DepthwiseConv2D(3)(x)))


def unknown_operation() -> Any:
    """A TensorFlow function that has no counterpart."""
    inputs = layers.Input(IMAGE)
    return tf_keras.Model(inputs, head(tf.math.bessel_i0(layers.Conv2D(4, 1)(inputs))))


def unknown_layer() -> Any:
    """A layer that Keras 3 dropped."""
    inputs = layers.Input(IMAGE)
    return tf_keras.Model(inputs, head(layers.LocallyConnected2D(2, 3, name="local")(inputs)))


def random() -> Any:
    """Dropout that never ceases."""
    inputs = layers.Input(IMAGE)
    x = layers.Dropout(0.5)(layers.DepthwiseConv2D(3)(inputs), training=True)
    return tf_keras.Model(inputs, head(x))


def custom() -> Any:
    """A layer of the user's, in a file that serves both Kerases."""
    inputs = layers.Input(IMAGE)
    x = own_layer("Scale")(0.5, name="scale")(layers.DepthwiseConv2D(3)(inputs))
    return tf_keras.Model(inputs, head(x))


def digits() -> Any:
    """Nested, with a layer of the user's, and trained on digits of 0..1 for a moment."""
    inner_inputs = layers.Input((8, 8, 8))
    inner = tf_keras.Model(inner_inputs, block(block(inner_inputs, 8), 8), name="inner")
    inputs = layers.Input((8, 8, 1), name="digit")
    x = own_layer("Scale")(1.0, name="scale")(inner(block(inputs, 8, name="stem")))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    model = tf_keras.Model(inputs, head(x, 10), name="digits")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def write_trained(model: Any, path: Path) -> None:
    """Trains the model, whose random weights serve as a start, and writes it."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1) / 16
    model.fit(images[:1400], labels[:1400], batch_size=32, epochs=8, verbose=0)
    model.save(f"{path}.h5")


def own_layer(name: str) -> Any:
    """A class of custom_layers.py, whose `import keras` is Keras 2 here."""
    sys.modules["keras"] = tf_keras
    sys.path.insert(0, str(Path(__file__).parent))
    import custom_layers

    return getattr(custom_layers, name)


def write_module_without_keras(path: Path) -> None:
    """A SavedModel that Keras did not write."""
    module = tf.Module()
    module.call = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(path))


MODELS: dict[str, tuple[Callable[[], Any], Callable[[Any, Path], None]]] = {
    "flat": (flat, write_as(".h5")),
    "chain": (chain, write_as(".h5")),
    "mobile": (mobile, write_as(".h5")),
    "nested": (nested, write_as(".h5")),
    "backbone": (backbone, write_as(".keras")),
    "backbone_folder": (backbone, write_as("")),
    "ends": (ends, write_as(".keras")),
    "many_layers": (many_layers, write_as(".h5")),
    "arithmetic": (arithmetic, write_as(".h5")),
    "half": (half, write_as(".h5")),
    "backbone_old": (backbone, write_as(".h5")),
    "agreeing": (agreeing, write_as(".h5")),
    "hard": (hard, write_as(".keras")),
    "hard_flat": (hard_flat, write_as(".h5")),
    "hard_inside": (hard_inside, write_as(".h5")),
    "unlisted": (unlisted, write_as(".h5")),
    "states": (states, write_as(".keras")),
    "masked": (masked, write_as(".h5")),
    "floats_as_indices": (floats_as_indices, write_as(".keras")),
    "lookup": (lookup, write_as(".keras")),
    "with_code": (with_code, write_as(".h5")),
    "unknown_operation": (unknown_operation, write_as(".h5")),
    "unknown_layer": (unknown_layer, write_as(".h5")),
    "random": (random, write_as(".h5")),
    "custom": (custom, write_as(".h5")),
    "digits": (digits, write_trained),
    "flat_apart": (flat, write_weights(".h5")),
    "mobile_apart": (mobile, write_weights(".weights.h5")),
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
