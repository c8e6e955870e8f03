"""Shapes inferred without Keras are those that Keras finds."""

from typing import Any

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from zoo import ZOO

from prune_mi.graph.ir import LayerGraph, Shape
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.spatial.shape_inference import call_shape
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow

# What shapes cannot be found for, and why that is said.
_OPAQUE = {"Reshape", "MultiHeadAttention"}


def _require_agreement(graph: LayerGraph) -> set[str]:
    """Checks every call of a graph; returns the classes of those that have no answer."""
    unknown = set()
    for node in graph.nodes:
        if node.inputs:
            shapes = [graph.spec(ref).shape for ref in node.inputs]
            found = call_shape(graph, node, shapes)
            if isinstance(found, NotApplicable):
                assert node.layer in found.reason
                unknown.add(graph.layer_of(node).class_name)
            else:
                assert found == node.outputs[0].shape, node.name
    return unknown


@pytest.mark.parametrize("name", ZOO)
def test_every_call_of_the_zoo(name: str) -> None:
    assert _require_agreement(trace_model(ZOO[name]())) <= _OPAQUE


@st.composite
def _geometry(draw: st.DrawFn, rank: int) -> tuple[type[layers.Layer], dict[str, Any]]:
    """One layer of images of `rank` spatial axes, with random settings."""

    def sizes(least: int, most: int) -> Any:
        each = st.tuples(*[st.integers(least, most)] * rank)
        return draw(st.integers(least, most) | each)

    kinds = ["Conv", "Transpose", "Max", "Average", "Global", "Padding", "Cropping", "UpSampling"]
    kinds += ["Depthwise", "Separable"] if rank < 3 else []
    kind = draw(st.sampled_from([*kinds, "Conv"]))
    padding = draw(st.sampled_from(["valid", "same"]))
    formats = {} if rank != 2 else {"data_format": draw(st.sampled_from(_FORMATS))}
    edges = draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * rank))
    edges = edges[0] if rank == 1 else edges
    strided = {"strides": sizes(1, 3), "padding": padding, **formats}
    undilated = strided["strides"] not in (1, (1,) * rank)
    dilated = strided if undilated else {**strided, "dilation_rate": sizes(1, 2)}
    match kind:
        case "Conv":
            causal = {"padding": draw(st.sampled_from(["valid", "same", "causal"]))}
            settings_ = dilated if rank > 1 else {**dilated, **causal}
            return getattr(layers, f"Conv{rank}D"), {
                "filters": 3,
                "kernel_size": sizes(1, 4),
                **settings_,
            }
        case "Transpose":
            kernel = {"filters": 2, "kernel_size": sizes(1, 4)}
            return getattr(layers, f"Conv{rank}DTranspose"), {**kernel, **strided}
        case "Depthwise":
            one = draw(st.integers(1, 2))
            kernel = {"kernel_size": sizes(1, 4), "depth_multiplier": 2}
            return getattr(layers, f"DepthwiseConv{rank}D"), {**kernel, **strided, "strides": one}
        case "Separable":
            one = draw(st.integers(1, 2))
            kernel = {"filters": 3, "kernel_size": sizes(1, 4), "depth_multiplier": 2}
            return getattr(layers, f"SeparableConv{rank}D"), {**kernel, **strided, "strides": one}
        case "Max" | "Average":
            strides = draw(st.none() | st.just(strided["strides"]))
            pooling = {**strided, "strides": strides, "pool_size": sizes(1, 4)}
            return getattr(layers, f"{kind}Pooling{rank}D"), pooling
        case "Global":
            settings_ = {"keepdims": draw(st.booleans()), **formats}
            return getattr(layers, f"GlobalAveragePooling{rank}D"), settings_
        case "Padding":
            return getattr(layers, f"ZeroPadding{rank}D"), {"padding": edges, **formats}
        case "Cropping":
            return getattr(layers, f"Cropping{rank}D"), {"cropping": edges, **formats}
    size = draw(st.integers(1, 3)) if rank == 1 else sizes(1, 3)
    return getattr(layers, f"UpSampling{rank}D"), {"size": size, **formats}


_FORMATS = ["channels_last", "channels_last", "channels_first"]


@settings(max_examples=settings.default.max_examples)
@given(data=st.data(), rank=st.integers(1, 3))
def test_random_geometry(data: st.DataObject, rank: int) -> None:
    """Both agree on the shape, or on there being none; unknown sizes stay unknown."""
    layer, config = data.draw(_geometry(rank))
    large = data.draw(st.tuples(*[st.integers(13, 16)] * rank))
    small = data.draw(st.tuples(*[st.integers(1, 9) | st.none()] * rank))
    graph = trace_model(_alone(layer, config, large))
    node = graph.nodes[-1]
    assert call_shape(graph, node, [_shape(config, large)]) == node.outputs[0].shape
    found = call_shape(graph, node, [_shape(config, small)])
    expected: Shape | None
    try:
        expected = _alone(layer, config, small).output_shape
    except ValueError:
        expected = None
    assert (None if isinstance(found, NotApplicable) else found) == expected


def _shape(config: dict[str, Any], sizes: Shape) -> Shape:
    first = config.get("data_format") == "channels_first"
    return (None, 2, *sizes) if first else (None, *sizes, 2)


def _alone(layer: type[layers.Layer], config: dict[str, Any], sizes: Shape) -> keras.Model:
    inputs = keras.Input(_shape(config, sizes)[1:])
    return keras.Model(inputs, layer(**config)(inputs))


@settings(max_examples=settings.default.max_examples // 4)
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    spread=st.tuples(st.booleans(), st.booleans()),
    kind=st.sampled_from(["Add", "Multiply", "Maximum", "Average", "Concatenate"]),
)
def test_joins(rows: int, columns: int, spread: tuple[bool, bool], kind: str) -> None:
    alone = kind != "Concatenate"
    sizes = [
        1 if each and alone else size for each, size in zip(spread, (rows, columns), strict=True)
    ]
    inputs = [keras.Input((rows, columns, 3)), keras.Input((*sizes, 3))]
    outputs = [layers.Flatten()(getattr(layers, kind)()(inputs)), keras.ops.add(*inputs)]
    assert not _require_agreement(trace_model(keras.Model(inputs, outputs)))


def test_layers_that_keep_their_shape_or_say_why_not() -> None:
    inputs = keras.Input((6, 6, 4))
    x = layers.GroupNormalization(2)(layers.LayerNormalization()(inputs))
    x = layers.UnitNormalization()(layers.PReLU(shared_axes=[1, 2])(x))
    x = layers.RandomFlip()(layers.SpatialDropout2D(0.1)(layers.Softmax()(x)))
    rows = layers.LayerNormalization(axis=[1, 2, 3], name="rows")(x)
    own = layers.PReLU(name="own")(rows)
    x = layers.Resizing(3, 5)(layers.Dense(5)(layers.Rescaling(0.5)(own)))
    graph = trace_model(keras.Model(inputs, layers.GlobalMaxPooling2D()(x)))
    assert not _require_agreement(graph)
    for node in graph.nodes[1:]:
        found = call_shape(graph, node, [(None, 4, 3, graph.spec(node.inputs[0]).shape[-1])])
        refused = isinstance(found, NotApplicable)
        assert refused == (node.name in ("rows", "own")), node.name
    assert call_shape(graph, graph.node_by_name["own"], [(None, 4, 3, 4)]) == NotApplicable(
        "'own' has weights for 6x6x4 values"
    )
