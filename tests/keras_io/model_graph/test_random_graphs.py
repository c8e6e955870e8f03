"""Random networks: traced, taken apart unit by unit, built and run."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers
from morphed import outcome_of
from narrowed_in_keras import check_narrowed
from silenced import drawn_gone, drawn_weights

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.morphisms.morphism import Morphed

pytestmark = pytest.mark.slow

_STEPS = (
    *("conv", "norm", "relu", "depthwise", "residual", "projected", "dense", "inception"),
    *("gate", "shared", "nested", "operation", "dropout", "pool"),
    *("groups", "group-norm", "rms", "reshaped", "attention"),
)


def _conv(x: keras.KerasTensor, filters: int, size: int = 3) -> keras.KerasTensor:
    return layers.Conv2D(filters, size, padding="same")(x)


def _step(kind: str, x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """One piece of a network; `width` is 1 to 4."""
    channels = x.shape[-1]
    match kind:
        case "conv":
            return _conv(x, width)
        case "norm":
            return layers.BatchNormalization()(x)
        case "relu":
            return layers.ReLU()(x)
        case "depthwise":
            return layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1 + width // 4)(x)
        case "residual":
            return layers.Add()([x, _conv(layers.ReLU()(_conv(x, width)), channels)])
        case "projected":
            return layers.Add()([_conv(x, width, 1), layers.BatchNormalization()(_conv(x, width))])
        case "dense":
            return layers.Concatenate()([x, _conv(layers.ReLU()(x), width)])
        case "inception":
            pooled = layers.MaxPooling2D(3, strides=1, padding="same")(x)
            return layers.Concatenate()([_conv(x, width, 1), _conv(x, 2), pooled])
        case "gate":
            squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
            gate = layers.Conv2D(channels, 1, activation="sigmoid")(squeezed)
            return layers.Multiply()([x, gate])
        case "shared":
            conv = layers.Conv2D(channels, 3, padding="same")
            return conv(layers.ReLU()(conv(x)))
        case "nested":
            inner = keras.Input(x.shape[1:])
            y = layers.Add()([inner, _conv(inner, channels)])
            return keras.Model(inner, _conv(y, width))(x)
        case "operation":
            return keras.ops.relu(x * 0.5 + 0.1)
        case "groups":
            return layers.Conv2D(4 * width, 1, groups=width)(_conv(x, 2 * width))
        case "group-norm":
            return layers.GroupNormalization(width)(_conv(x, 2 * width))
        case "rms":
            return layers.RMSNormalization()(x)
        case "reshaped":
            flat = layers.Reshape((-1, channels))(x)
            return layers.Reshape((*x.shape[1:3], width))(layers.Conv1D(width, 1)(flat))
        case "attention":
            return layers.MultiHeadAttention(width, 2)(x, x)
        case "dropout":
            return layers.Dropout(0.3)(x)
    return layers.MaxPooling2D(2, padding="same")(x)


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[tuple[str, int]], bool]:
    """Channels of the input, up to eight pieces, and whether the head flattens or pools."""
    pieces = st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(1, 4)), min_size=1, max_size=8)
    return draw(st.integers(1, 3)), draw(pieces), draw(st.booleans())


def _network(channels: int, pieces: list[tuple[str, int]], flat: bool) -> keras.Model:
    inputs = keras.Input((6, 6, channels))
    x: keras.KerasTensor = inputs
    for kind, width in pieces:
        x = _step(kind, x, width)
    x = layers.Flatten()(x) if flat else layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3)(x))


@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=list(HealthCheck))
@given(plan=plans(), choices=st.lists(st.integers(0, 10**6), max_size=3))
def test_random_units_go(plan: tuple[int, list[tuple[str, int]], bool], choices: list[int]) -> None:
    """Removes units one after another, builds what is left, and runs it."""
    model = _network(*plan)
    graph = whole = trace_model(model)
    images = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    for choice in choices:
        units = removable_units(graph)
        if not units:
            break
        unit = units[choice % len(units)]
        before = graph_cost(graph).num_params
        graph = validate_graph(remove_unit(graph, unit))
        assert graph_cost(graph).num_params <= before - unit.num_params
    rebuilt = build_model(graph)
    outputs = np.asarray(rebuilt(images, training=False))
    assert outputs.shape == (2, 3)
    assert np.isfinite(outputs).all()
    assert graph_cost(graph).num_params == rebuilt.count_params()
    if graph is whole:
        expected = np.asarray(model(images, training=False))
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


_INSERTIONS = ("insert-conv", "insert-block", "insert-separable", "widen-conv", "skip-add")


@settings(
    max_examples=max(10, settings.default.max_examples // 10),
    suppress_health_check=list(HealthCheck),
)
@given(
    plan=plans(),
    edits=st.lists(
        st.tuples(st.sampled_from(("narrow", "remove", "insert")), st.integers(0, 10**6)),
        min_size=1,
        max_size=4,
    ),
)
def test_narrowing_mixed_with_other_edits(
    plan: tuple[int, list[tuple[str, int]], bool], edits: list[tuple[str, int]]
) -> None:
    """Whatever went or came before, narrowing is exact where what goes is silent."""
    model = _network(*plan)
    graph = drawn_weights(trace_model(model), np.random.default_rng(0))
    images = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    for kind, choice in edits:
        rng = np.random.default_rng(choice)
        if kind == "narrow":
            graph = check_narrowed(graph, drawn_gone(graph, rng.uniform(0, 0.8), rng), images)
        elif kind == "remove":
            units = removable_units(graph)
            graph = remove_unit(graph, units[choice % len(units)]) if units else graph
        else:
            outcome = outcome_of(_INSERTIONS[choice % len(_INSERTIONS)], graph, choice)
            graph = outcome.graph if isinstance(outcome, Morphed) else graph
    check_narrowed(graph, drawn_gone(graph, 0.5, np.random.default_rng(1)), images)
