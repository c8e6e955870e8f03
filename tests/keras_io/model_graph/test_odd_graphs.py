"""Graphs that are seldom built, each of which has been got wrong once."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import Input, Model, layers, ops

from prune_mi.equivalence import relative_difference
from prune_mi.errors import GraphError
from prune_mi.graph.analysis.inspection import inspect_graph
from prune_mi.graph.channels.width_groups import width_groups
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.units.discovery import find_units, removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.forward.forward_pass import outputs_of
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow


def _dict_outputs() -> Model:
    a = Input((5,))
    inner = Model(a, {"z": layers.Dense(4)(a), "b": layers.Dense(4, activation="relu")(a)})
    x = Input((5,))
    y = inner(x)
    return Model(x, layers.Subtract()([layers.Dense(3)(y["z"]), layers.Dense(3)(y["b"])]))


def _list_inputs_by_name() -> Model:
    a, b = Input((5,), name="a"), Input((5,), name="b")
    inner = Model([a, b], layers.Subtract()([layers.Dense(4)(a), b[:, :4]]))
    x = Input((5,))
    return Model(x, inner({"b": layers.Dense(5)(x), "a": x}))


def _yields_an_inner_model() -> Model:
    a = Input((5,))
    inner = Model(a, layers.Dense(4)(a))
    x = Input((5,))
    return Model(x, inner(layers.Rescaling(2.0)(x)))


def _yields_an_inner_model_of_an_inner_model() -> Model:
    x = Input((5,))
    return Model(x, _yields_an_inner_model()(layers.Dense(5)(x)))


def _shared_with_an_inner_model() -> Model:
    dense = layers.Dense(5)
    a = Input((5,))
    inner = Model(a, layers.ReLU()(dense(a)))
    x = Input((5,))
    return Model(x, inner(dense(x)))


def _by_keyword() -> Model:
    x = Input((5,))
    y, z = layers.Dense(4)(x), layers.Dense(4)(x)
    joined = layers.Concatenate()(inputs=[y, layers.Add()(inputs=[y, z, layers.ReLU()(z)])])
    a = Input((8,))
    inner = Model(a, layers.Dense(3)(a))
    return Model(x, inner(inputs=joined))


class _Own(keras.Model):
    """With a constructor of its own around a graph."""

    def __init__(self, width: int) -> None:
        x = Input((5,))
        super().__init__(inputs=x, outputs=layers.Dense(width)(x))


def _subclass() -> Model:
    x = Input((5,))
    return Model(x, layers.Dense(3)(_Own(4)(x)))


def _slices_and_states() -> Model:
    x = Input((6, 5))
    state = layers.Dense(4)(x[:, 0])
    y = layers.LSTM(4)(x[:, 1:, ::2], initial_state=(state, state))
    return Model(x, y)


def _colon_in_a_name() -> Model:
    x = Input((5,))
    shared = layers.Dense(5, name="s")
    return Model(x, layers.Dense(5, name="s:1")(shared(shared(x))))


@pytest.mark.parametrize(
    "make",
    [
        *(_dict_outputs, _list_inputs_by_name, _yields_an_inner_model, _by_keyword, _subclass),
        *(_yields_an_inner_model_of_an_inner_model, _shared_with_an_inner_model),
        *(_slices_and_states, _colon_in_a_name),
    ],
)
def test_it_is_rebuilt_with_equal_outputs(
    make: Callable[[], Model], rng: np.random.Generator
) -> None:
    model = make()
    graph = trace_model(model)
    inputs = rng.normal(size=(3, *model.inputs[0].shape[1:])).astype("float32")
    received = outputs_of(build_model(graph), inputs)
    assert relative_difference(received, outputs_of(model, inputs)) < 1e-6
    assert graph_cost(graph).num_params == model.count_params()
    for unit in removable_units(graph):
        outputs_of(build_model(remove_unit(graph, unit)), inputs)


def test_too_deep_for_keras_is_a_graph_error() -> None:
    x = Input((5,))
    y = x
    for _ in range(6):
        a = Input((5,))
        z = a
        for _ in range(200):
            z = layers.ReLU()(z)
        y = Model(a, z)(y)
    graph = trace_model(Model(x, layers.Dense(2)(y)))
    with pytest.raises(GraphError, match="cannot build the graph"):
        build_model(graph)


def _reasons(model: Model) -> dict[str, str | None]:
    return {unit.name: unit.reason for unit in find_units(trace_model(model))}


def _text_network(length: str) -> Model:
    x = Input((20, 6))
    stride = {"same": 1, "half": 2}[length]
    a = layers.Conv1D(8, 3, padding="same", name="a")(x)
    b = layers.Conv1D(8, 5, strides=stride, padding="same", name="b")(x)
    joined = layers.Concatenate(axis=1, name="join")([a, b])
    return Model(x, layers.Dense(3)(layers.Flatten()(layers.MaxPooling1D()(joined))))


@pytest.mark.parametrize("length", ["same", "half"])
def test_parts_along_another_axis_stay(length: str) -> None:
    reasons = _reasons(_text_network(length))
    assert reasons["join/part_1"]
    assert "takes another axis for its channels" in (reasons["join/part_2"] or "")


@pytest.mark.parametrize(
    "reader",
    [
        layers.DepthwiseConv2D(3, padding="same", activation="softmax"),
        layers.Activation(layers.Softmax()),
        layers.Dropout(0.5, noise_shape=(None, 1, 1, 8)),
        lambda x: x * np.arange(8.0, dtype="float32"),
        lambda x: ops.average(x, axis=-1, weights=np.arange(8.0)),
    ],
)
def test_parts_that_a_reader_mixes_stay(reader: Callable[[object], object]) -> None:
    x = Input((6, 6, 2))
    parts = [layers.Conv2D(4, 3, padding="same")(x) for _ in range(2)]
    y = reader(layers.Concatenate(name="join")(parts))
    model = Model(x, layers.Dense(3)(layers.Flatten()(y)))
    assert _reasons(model)["join/part_1"]
    assert all(group.reason for group in width_groups(trace_model(model)) if "conv" in str(group))


def test_a_run_that_yields_states_stays() -> None:
    x = Input((7, 16))
    y, h, _ = layers.LSTM(16, return_sequences=True, return_state=True, name="lstm")(x)
    y = layers.Dense(3)(layers.Concatenate()([layers.GlobalMaxPooling1D()(y), h]))
    assert _reasons(Model(x, y))["lstm"] == "yields 3 tensors"


@pytest.mark.parametrize("protected", ["join", "activation"])
def test_protected_layers_do_not_go_with_others(protected: str) -> None:
    from dataclasses import replace

    x = Input((6, 6, 4))
    y = layers.ReLU(name="before")(layers.Conv2D(4, 3, padding="same")(x))
    y = layers.ReLU(name="activation")(layers.BatchNormalization(name="norm")(y))
    z = layers.Conv2D(4, 3, padding="same", name="inside")(y)
    y = layers.Add(name="join")([y, z])
    model = Model(x, layers.Dense(3)(layers.Flatten()(y)))
    graph = replace(trace_model(model), protected=frozenset({protected}))
    for unit in removable_units(graph):
        assert protected in remove_unit(graph, unit).layers, unit.name


@pytest.mark.parametrize(
    ("join", "first", "left"),
    [
        (layers.Subtract, True, "x"),
        (layers.Subtract, False, None),
        (layers.Multiply, True, "x"),
        (layers.Multiply, False, "x"),
        (layers.Maximum, True, "x"),
    ],
)
def test_what_is_left_of_a_join_makes_sense(
    join: type[keras.Layer], first: bool, left: str | None, rng: np.random.Generator
) -> None:
    x = Input((6, 6, 4))
    y = layers.Conv2D(4, 3, padding="same", name="f")(x)
    out = join()([x, y] if first else [y, x])
    graph = trace_model(Model(x, out))
    unit = next(each for each in find_units(graph) if each.name == "f")
    if left is None:
        assert unit.reason is not None
        assert "left with a tensor and itself" in unit.reason
        return
    images = rng.normal(size=(2, 6, 6, 4)).astype("float32")
    slim = remove_unit(graph, unit)
    if slim.nodes[-1].name == slim.inputs[0].node:
        return  # the whole network is its input
    np.testing.assert_allclose(outputs_of(build_model(slim), images)[0], images, atol=1e-6)


def test_sizes_that_are_unknown_are_not_taken_for_equal() -> None:
    x = Input((None, None, 4))
    y = layers.MaxPooling2D(name="pool")(x)
    y = layers.Conv2D(4, 3, strides=2, padding="same", name="strided")(y)
    y = layers.Conv2D(4, 3, name="valid")(y)
    y = layers.Conv2D(4, 3, padding="same", name="same")(y)
    reasons = _reasons(Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(y))))
    assert reasons["pool"] and reasons["strided"] and reasons["valid"]
    assert reasons["same"] is None


def test_a_class_of_the_users_with_a_name_of_keras() -> None:
    @keras.saving.register_keras_serializable("odd")
    class Attention(layers.Layer):
        def call(self, x: object) -> object:
            return x

    x = Input((7, 4))
    graph = trace_model(Model(x, layers.Dense(3)(layers.Flatten()(Attention()(x)))))
    assert graph_cost(graph).macs == 7 * 4 * 3
    inspect_graph(graph)


def test_an_activation_named_by_a_users_class_is_no_rectifier() -> None:
    @keras.saving.register_keras_serializable("odd")
    class Block(layers.Layer):
        def call(self, x: object) -> object:
            return x

        def get_config(self) -> dict[str, object]:
            return {**super().get_config(), "activation": "relu"}

        @classmethod
        def from_config(cls, config: dict[str, object]) -> keras.Layer:
            config.pop("activation")
            return cls(**config)

    x = Input((4,))
    y = layers.ReLU(name="needed")(layers.LayerNormalization(name="norm")(Block()(x)))
    graph = trace_model(Model(x, layers.Dense(3)(y)))
    unit = next(each for each in find_units(graph) if each.name == "norm")
    assert "needed" in remove_unit(graph, unit).layers


def _conv_group(model: Model, name: str) -> object:
    return next(group for group in width_groups(trace_model(model)) if name in group.producers)


def test_width_groups_of_what_is_not_understood() -> None:
    x = Input((8, 8, 4))
    conv = layers.Conv2D(16, 3, padding="same", name="conv")(x)
    laid_out = layers.Permute((2, 1, 3))(layers.Conv2D(16, 1)(x))
    model = Model(x, layers.Dense(3)(layers.Flatten()(layers.Add()([conv, laid_out]))))
    assert _conv_group(model, "conv").reason

    conv = layers.Conv2D(16, 3, padding="same", name="conv")(x)
    model = Model(x, layers.Dense(3)(layers.Flatten()(layers.GroupNormalization(1)(conv))))
    assert _conv_group(model, "conv").reason

    gate = layers.Conv2D(1, 1, name="gate")(x)
    model = Model(x, layers.Flatten()(layers.Multiply()([layers.Conv2D(16, 1)(x), gate])))
    assert _conv_group(model, "gate").reason

    query = layers.Dense(8, name="query")(layers.Reshape((64, 4))(x))
    value = layers.Dense(8, name="value")(layers.Reshape((64, 4))(x))
    model = Model(
        x, layers.Dense(3)(layers.Flatten()(layers.MultiHeadAttention(2, 4)(query, value)))
    )
    assert _conv_group(model, "value").reason


def test_a_shared_reader_binds_what_it_reads() -> None:
    x = Input((8, 8, 4))
    head = layers.Conv2D(3, 1, name="head")
    a, b = layers.Conv2D(6, 1, name="a")(x), layers.Conv2D(6, 3, padding="same", name="b")(x)
    model = Model(x, layers.Flatten()(layers.Concatenate()([head(a), head(b)])))
    assert _conv_group(model, "a") is not None
    assert _conv_group(model, "a").producers == ("a", "b")
