"""Narrowed models answer as those in which the channels that went are silent."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import Input, Model, layers, ops
from narrowed_in_keras import check_narrowed
from silenced import drawn_gone, drawn_weights, without_loud
from zoo import ZOO

from prune_mi.graph.channels.going_order import going_order
from prune_mi.graph.channels.narrowing import narrowest
from prune_mi.graph.channels.width_groups import WidthGroup, widths
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow

X = keras.KerasTensor
_FIRST = {"data_format": "channels_first"}


def _conv(x: X, filters: int, **more: object) -> X:
    return layers.Conv2D(filters, 3, padding="same", **more)(x)


def _image(body: Callable[[X], X]) -> Model:
    inputs = Input((6, 6, 3))
    x = body(_conv(inputs, 8, activation="relu"))
    return Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


def _sequence(body: Callable[[X], X]) -> Model:
    inputs = Input((7, 3))
    x = body(layers.Dense(8, activation="tanh")(inputs))
    return Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


def _tokens(body: Callable[[X], X]) -> Model:
    inputs = Input((7,), dtype="int32")
    x = body(layers.Embedding(9, 8, mask_zero=True)(inputs))
    return Model(inputs, layers.Dense(3)(x))


def _channels_first(body: Callable[[X], X]) -> Model:
    inputs = Input((3, 6, 24))  # more columns than channels, see the zoo's
    x = body(_conv(inputs, 8, activation="relu", **_FIRST))
    return Model(inputs, layers.Dense(3)(layers.Flatten(**_FIRST)(x)))


def _reshaped_gate(x: X) -> X:
    gate = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(8, 1, activation="sigmoid")(layers.Conv2D(3, 1, activation="swish")(gate))
    return _conv(layers.Multiply()([x, gate]), 4)


def _reshaped_operation(x: X) -> X:
    x = ops.reshape(x, (-1, 36, 8))
    x = layers.Conv1D(6, 3, activation="relu")(x)
    return layers.Dense(4)(layers.Reshape((-1,))(x))


def _flattened_reshape(x: X) -> X:
    return layers.Dense(4)(layers.Reshape((36 * 8,))(x))


def _group_norm(groups: int) -> Callable[[X], X]:
    return lambda x: _conv(layers.ReLU()(layers.GroupNormalization(groups)(x)), 4)


def _in_groups(inputs: int, filters: int, groups: int) -> Callable[[X], X]:
    def body(x: X) -> X:
        x = _conv(_conv(x, inputs), filters, groups=groups, activation="relu")
        return _conv(layers.BatchNormalization()(x), 4)

    return body


def _joined_in_groups(x: X) -> X:
    parts = [_conv(x, 3), _conv(x, 5)]
    y = _conv(layers.Concatenate()(parts), 8, groups=4)
    return _conv(layers.Add()([x, y]), 4)


def _mixed(x: X) -> X:
    parts = [_conv(x, 3), _conv(x, 4, activation="relu"), _conv(x, 1)]
    return _conv(layers.Add()([x, layers.Concatenate()(parts)]), 4)


def _rms(x: X) -> X:
    y = layers.Dense(16, activation="gelu")(layers.RMSNormalization()(x))
    return layers.RMSNormalization()(layers.Add()([x, layers.Dense(8)(y)]))


def _recurrent(kind: type[keras.Layer], **more: object) -> Callable[[X], X]:
    return lambda x: kind(5, **more)(kind(6, return_sequences=True)(x))


def _masked(x: X) -> X:
    x = layers.LSTM(6, return_sequences=True)(layers.Dense(5)(x))
    x = layers.BatchNormalization()(layers.GRU(6, return_sequences=True)(x))
    return layers.GlobalAveragePooling1D()(x)


def _attention(x: X) -> X:
    y = layers.MultiHeadAttention(4, 3, value_dim=2)(x, x)
    return layers.MultiHeadAttention(3, 2, use_bias=False)(layers.Add()([x, y]), x)


def _along_steps(x: X) -> X:
    y = layers.Conv1D(5, 3, activation="relu")(x)
    z = layers.Conv1D(5, 2, activation="relu")(x)
    return layers.Conv1D(4, 3)(layers.Concatenate(axis=1)([y, z]))


def _shared_reshape(x: X) -> X:
    shared = layers.Reshape((36, 8))
    y, z = shared(x), shared(_conv(x, 8))
    return layers.Dense(4)(layers.Add()([y, z]))


def _drop_path(x: X) -> X:
    y = layers.Dropout(0.2, noise_shape=(None, 1, 1, 1))(_conv(x, 8))
    return _conv(layers.Add()([x, y]), 4)


def _sigmoid_between(x: X) -> X:
    return _conv(_conv(x, 6, activation="sigmoid"), 4)


def _prelu_and_separable(x: X) -> X:
    x = layers.SeparableConv2D(6, 3, depth_multiplier=2)(layers.PReLU(shared_axes=[1, 2])(x))
    return layers.Conv2DTranspose(5, 3, strides=2)(layers.PReLU()(x))


def _from_arrays(x: X) -> X:
    drawn = keras.initializers.Constant(np.ones((3, 3, 8, 5), "float32"))
    x = _conv(
        x, 5, kernel_initializer=drawn, bias_initializer=keras.initializers.Constant([1.0] * 5)
    )
    return _conv(
        layers.BatchNormalization(beta_initializer=keras.initializers.Constant(np.ones(5)))(x), 4
    )


def _residual_first(x: X) -> X:
    y = layers.PReLU(shared_axes=[2, 3])(layers.BatchNormalization(axis=1)(_conv(x, 5, **_FIRST)))
    x = layers.MaxPooling2D(2, **_FIRST)(layers.Add()([x, _conv(y, 8, **_FIRST)]))
    return layers.Concatenate(axis=1)([x, _conv(x, 3, **_FIRST)])


def _gated_first(x: X) -> X:
    gate = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D(**_FIRST)(x))
    x = layers.Multiply()([x, layers.Reshape((8, 1, 1))(gate)])
    gate = layers.GlobalAveragePooling2D(keepdims=True, **_FIRST)(x)
    gate = layers.Conv2D(8, 1, activation="sigmoid", **_FIRST)(gate)
    return layers.Reshape((8, 144))(layers.Multiply()([x, gate]))


def _depthwise_first(x: X) -> X:
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, **_FIRST)(x)
    x = layers.SpatialDropout2D(0.2, **_FIRST)(layers.GroupNormalization(4, axis=1)(x))
    x = layers.UpSampling2D(2, **_FIRST)(layers.ZeroPadding2D(1, **_FIRST)(x))
    return layers.Conv2DTranspose(5, 3, strides=2, **_FIRST)(x)


def _groups_first(x: X) -> X:
    x = _conv(_conv(x, 8, groups=4, activation="relu", **_FIRST), 6, groups=2, **_FIRST)
    return layers.SeparableConv2D(6, 3, **_FIRST)(x)


def _by_another_name(x: X) -> X:
    return _conv(_conv(x, 16, groups=8, activation="relu"), 4)


NETWORKS: dict[str, Callable[[], Model]] = {
    **{
        body.__name__.strip("_"): (lambda body=body: _image(body))
        for body in (
            *(_reshaped_gate, _reshaped_operation, _flattened_reshape, _joined_in_groups),
            *(_shared_reshape, _drop_path, _sigmoid_between, _prelu_and_separable),
            *(_by_another_name, _mixed, _from_arrays),
        )
    },
    **{
        body.__name__.strip("_"): (lambda body=body: _channels_first(body))
        for body in (_residual_first, _gated_first, _depthwise_first, _groups_first)
    },
    **{f"group_norm_{n}": (lambda n=n: _image(_group_norm(n))) for n in (1, 2, 4, 8)},
    **{
        f"conv_{each}": (lambda each=each: _image(_in_groups(*each)))
        for each in ((8, 8, 2), (8, 8, 4), (16, 8, 8), (8, 16, 8), (12, 6, 3))
    },
    **{body.__name__.strip("_"): (lambda body=body: _sequence(body)) for body in (
        _rms, _attention, _along_steps)},
    "lstm": lambda: _sequence(_recurrent(layers.LSTM)),
    "gru": lambda: _sequence(_recurrent(layers.GRU)),
    "gru_before": lambda: _sequence(_recurrent(layers.GRU, reset_after=False)),
    "simple_rnn": lambda: _sequence(_recurrent(layers.SimpleRNN, activation="relu")),
    "backwards": lambda: _sequence(
        _recurrent(layers.LSTM, go_backwards=True, use_bias=False, unroll=True)
    ),
    "masked": lambda: _tokens(_masked),
    "masked_rnn": lambda: _tokens(layers.SimpleRNN(7, activation="relu")),
}  # fmt: skip


def _check(model: Model, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    graph = drawn_weights(trace_model(model), rng)
    shapes = [each.shape[1:] for each in model.inputs]
    inputs = rng.normal(size=(3, *shapes[0])).astype("float32")
    if model.inputs[0].dtype == "int32":
        inputs = rng.integers(0, 3, inputs.shape)  # a third of the steps is masked
    check_narrowed(graph, drawn_gone(graph, share, rng), inputs)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_by_hand(name: str, seed: int) -> None:
    _check(NETWORKS[name](), seed, 0.3 + 0.3 * seed)


@pytest.mark.parametrize("name", sorted(set(ZOO) - {"mixed_precision"}))
def test_a_network_of_the_zoo(name: str) -> None:
    _check(ZOO[name](), 0, 0.4)


@pytest.mark.parametrize("name", ["mixed", "joined_in_groups", "conv_(12, 6, 3)"])
def test_the_narrowest_can_be_built(name: str) -> None:
    graph = trace_model(NETWORKS[name]())
    least = narrowest(graph)
    assert graph_cost(trace_model(build_model(least))) == graph_cost(least)
    assert graph_cost(least).num_params < graph_cost(graph).num_params / 3


def _groups(model: Model) -> dict[str, WidthGroup]:
    return {group.name: group for group in widths(trace_model(model)).groups}


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("reshaped_gate", 3), ("reshaped_operation", 3), ("flattened_reshape", 2), ("lstm", 3),
        ("group_norm_4", 2), ("conv_(8, 8, 4)", 3), ("rms", 2), ("attention", 2), ("gru", 3),
        ("masked", 3), ("masked_rnn", 1), ("residual_first", 3), ("gated_first", 1),
        ("depthwise_first", 2), ("groups_first", 3), ("from_arrays", 3),
    ],
)  # fmt: skip
def test_what_is_free(name: str, free: int) -> None:
    groups = _groups(NETWORKS[name]())
    assert sum(group.reason is None for group in groups.values()) == free, groups


def test_heads_are_a_group_inside_their_layer() -> None:
    groups = _groups(NETWORKS["attention"]())
    heads = [group for group in groups.values() if group.inside == "heads"]
    assert [each.num_channels for each in heads] == [4, 3]
    for each in heads:
        assert each.producers == each.consumers == (each.name.removesuffix("/heads"),)
        outputs = [own for own in groups.values() if each.producers[0] in own.producers]
        assert all(own.reason for own in outputs if own is not each)


def test_multiples_are_of_a_layers_channels() -> None:
    inputs = Input((6, 6, 3))
    x = layers.GroupNormalization(8, name="norm")(_conv(inputs, 64, name="by_eights"))
    known = widths(trace_model(Model(inputs, layers.Dense(3)(layers.Flatten()(_conv(x, 16))))))
    assert [group.num_channels for group in known.groups if group.reason is None] == [8, 16]

    def left(place: int, asked: int) -> list[int]:
        size = known.groups[place].num_channels
        return (size - going_order(known, place, np.zeros(size), multiples=asked).counts).tolist()

    assert left(0, 8) == [8, 7, 6, 5, 4, 3, 2, 1] and left(0, 12) == [8, 6, 3]
    assert left(0, 16) == [8, 6, 4, 2] and left(1, 8) == [16, 8]
    known = widths(trace_model(NETWORKS["attention"]()))
    heads = [place for place, group in enumerate(known.groups) if group.inside == "heads"]
    assert [left(place, 8) for place in heads] == [[4, 3, 2, 1], [3, 2, 1]]


def test_heads_that_others_count_on_stay() -> None:
    inputs = keras.Input((7, 8))
    attention = layers.MultiHeadAttention(4, 3, name="it")
    mask = layers.Dense(7 * 7 * 4, activation="sigmoid")(layers.Flatten()(inputs))
    mask = layers.Reshape((4, 7, 7))(mask)
    scores = attention(inputs, inputs, return_attention_scores=True)
    by_head = attention(inputs, inputs, attention_mask=mask)
    gated = layers.MultiHeadAttention(4, 3, use_gate=True, name="it")(inputs, inputs)
    for outputs, reason in (
        (list(scores), "hands out the scores of its heads"),
        (by_head, "is masked head by head"),
        (gated, "gates its heads"),
    ):
        model = keras.Model(inputs, outputs)
        (heads,) = [own for own in _groups(model).values() if own.inside == "heads"]
        assert heads.reason == f"'it' {reason}"
        assert graph_cost(trace_model(model)).macs > 0


def test_a_sigmoid_that_is_read_is_not_silent() -> None:
    graph = trace_model(NETWORKS["sigmoid_between"]())
    gone = drawn_gone(graph, 0.5, np.random.default_rng(0))
    left_out = gone.keys() - without_loud(graph, gone).keys()
    assert [graph.layers[name].config["activation"] for name in left_out] == ["sigmoid"]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.LSTM(5, activation="sigmoid", name="it"), "activation that is not known"),
        (lambda: layers.LSTM(5, recurrent_activation="softmax", name="it"), "mixes its units in"),
        (lambda: layers.Bidirectional(layers.LSTM(5), name="it"), "has a kernel of another kind"),
        (lambda: layers.LayerNormalization(name="it"), "normalises over all of them"),
        (lambda: layers.GroupNormalization(1, name="it"), "normalises over all of them"),
        (lambda: layers.UnitNormalization(name="it"), "may mix its channels"),
        (lambda: layers.Softmax(name="it"), "may mix its channels"),
        (lambda: layers.TimeDistributed(layers.Dense(4), name="it"), "a kernel of another kind"),
        (lambda: layers.Reshape((8, 7), name="it"), "may mix its channels"),
        (lambda: layers.Permute((2, 1), name="it"), "may mix its channels"),
        (lambda: _clip_by_channel, "has a constant for each channel"),
    ],
)
def test_what_stays_says_which_layer_keeps_it(
    layer: Callable[[], keras.Layer], reason: str
) -> None:
    model = _sequence(lambda x: layers.Dense(4)(layers.Flatten()(layer()(x))))
    reasons = [group.reason or "" for group in _groups(model).values()]
    assert any(each.startswith(("'it'", "'clip")) and reason in each for each in reasons), reasons


def _clip_by_channel(x: X) -> X:
    return ops.clip(x, [-1.0, -2.0] * 4, [1.0, 2.0] * 4)


def test_a_recurrent_layer_that_keeps_its_state_stays() -> None:
    inputs = Input(batch_shape=(2, 7, 3))
    x = layers.GRU(5, stateful=True, name="it")(layers.Dense(4, name="before")(inputs))
    groups = _groups(Model(inputs, layers.Dense(3)(x)))
    assert groups["it"].reason == "'it', a GRU, keeps its state from batch to batch"
    assert groups["before"].reason == groups["it"].reason
