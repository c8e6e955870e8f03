"""Small Keras models with several inputs, several outputs or both, in every structure.

And such with one output unit, which are packed too.
"""

from collections.abc import Callable

import keras
from keras import layers


def _block(x: keras.KerasTensor, filters: int = 4) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, padding="same")(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def two_heads() -> keras.Model:
    """One input, two classifiers returned by name, in an order that is not the alphabet's."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.GlobalAveragePooling2D()(_block(_block(inputs)))
    y = layers.Dense(6, activation="relu")(layers.Dense(6, activation="relu")(x))
    first = layers.Dense(3, activation="softmax", name="kind")(y)
    return keras.Model(inputs, {"kind": first, "colour": layers.Dense(2, name="colour")(x)})


def image_and_facts() -> keras.Model:
    """A list of an image and a vector, one output."""
    image, facts = keras.Input((8, 8, 2), name="image"), keras.Input((3,), name="facts")
    x = layers.GlobalAveragePooling2D()(_block(_block(image)))
    x = layers.Concatenate()([x, layers.Dense(4, activation="relu")(facts)])
    x = layers.Dense(5, activation="relu")(layers.Dense(5, activation="relu")(x))
    return keras.Model([image, facts], layers.Dense(3, activation="softmax")(x))


def by_name() -> keras.Model:
    """Inputs and outputs in dicts; one output is a feature map that a sum yields."""
    inputs = {
        "right": keras.Input((6, 6, 2), name="right"),
        "left": keras.Input((6, 6, 2), name="left"),
    }
    conv = layers.Conv2D(4, 3, padding="same", name="shared")
    x = layers.ReLU()(layers.Add()([conv(inputs["right"]), conv(inputs["left"])]))
    y = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.Add(name="map")([x, layers.ReLU()(y)])
    pooled = layers.GlobalAveragePooling2D()(_block(x))
    outputs = {"which": layers.Dense(4, name="which")(pooled), "map": x}
    return keras.Model(inputs, outputs)


def words_and_flags() -> keras.Model:
    """Whole numbers, booleans and a number for each sample; outputs nested in lists."""
    words = keras.Input((7,), dtype="int32", name="words")
    flags = keras.Input((2,), dtype="bool", name="flags")
    age = keras.Input((), name="age")
    x = layers.Embedding(11, 4)(words)
    x = layers.Conv1D(4, 3, padding="same", activation="relu")(x)
    x = layers.Conv1D(4, 3, padding="same", activation="relu")(x)
    y = layers.Concatenate()([keras.ops.cast(flags, "float32"), layers.Reshape((1,))(age)])
    x = layers.Concatenate()([layers.GlobalMaxPooling1D()(x), y])
    classes = layers.Dense(3, activation="softmax", name="classes")(layers.Dense(8)(x))
    mean = keras.ops.mean(x, axis=-1)
    return keras.Model([words, flags, age], [classes, [mean, age]])


def half_precision() -> keras.Model:
    """Outputs of half precision, and one returned twice."""
    policy = "mixed_bfloat16"
    a, b = keras.Input((4, 4, 1), name="a"), keras.Input((5,), dtype="float16", name="b")
    x = layers.Flatten(dtype=policy)(layers.Conv2D(3, 3, padding="same", dtype=policy)(a))
    y = layers.Dense(48, dtype=policy)(b)
    x = layers.Add(dtype=policy)([x, layers.Dense(48, dtype=policy)(y)])
    classes = layers.Dense(3, dtype=policy, name="classes")(x)
    return keras.Model([a, b], [y, classes, classes])


def one_sigmoid() -> keras.Model:
    """One sigmoid unit, right behind parallel branches."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = _block(_block(inputs))
    x = layers.Concatenate()([_block(x), layers.Conv2D(3, 1)(x)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="yes")(x))


def one_flat_logit() -> keras.Model:
    """A logit without an axis of units, returned by name."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.Dense(6)(layers.Flatten()(_block(_block(inputs))))
    x = layers.Dense(1, name="score")(layers.Dense(6, activation="relu")(x))
    return keras.Model(inputs, {"logit": layers.Reshape((), name="logit")(x)})


def one_squeezed_operation() -> keras.Model:
    """Operations make the probability, in half precision."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.GlobalAveragePooling2D()(_block(_block(inputs)))
    x = layers.Dense(1, dtype="mixed_bfloat16")(layers.Dense(4)(x))
    return keras.Model(inputs, keras.ops.squeeze(keras.ops.sigmoid(x), -1))


def one_tanh() -> keras.Model:
    """One tanh unit over a map of one value."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.GlobalAveragePooling2D(keepdims=True)(_block(_block(inputs)))
    x = layers.Conv2D(1, 1, activation="tanh", name="sign")(x)
    return keras.Model(inputs, x)


def unit_and_map() -> keras.Model:
    """One unit of several outputs is judged."""
    inputs = keras.Input((8, 8, 2), name="image")
    x = _block(_block(inputs))
    y = layers.Dense(1, activation="hard_sigmoid", name="yes")(layers.Flatten()(_block(x)))
    return keras.Model(inputs, [layers.Conv2D(2, 1, name="map")(x), y])


ONE_UNIT: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build
    for build in (one_sigmoid, one_flat_logit, one_squeezed_operation, one_tanh, unit_and_map)
}
MANY_ENDED: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build
    for build in (two_heads, image_and_facts, by_name, words_and_flags, half_precision)
}
JUDGED = {
    "two_heads": "kind",
    "image_and_facts": None,
    "by_name": "which",
    "words_and_flags": "classes",
    "half_precision": "classes:1",
    **dict.fromkeys(ONE_UNIT),
    "unit_and_map": "yes",
}
