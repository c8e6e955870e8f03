"""The architectures of keras.applications: traced, counted, taken apart, narrowed and built again.

Those that are another one's blocks, only more or wider ones, are looked at with `--thorough`.
"""

import gc
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import tree
from narrowed_in_keras import check_narrowed
from silenced import drawn_gone, drawn_weights

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow

# What each accepts at least, or where less would leave an image of no size.
_SIZES = {
    "InceptionV3": 75,
    "InceptionResNetV2": 75,
    "Xception": 71,
    "NASNetLarge": 96,
    "NASNetMobile": 64,
}
_SMALLEST = 64
_REMOVALS = 3
_LOOKED_AT = 40
_SAME_BLOCKS = {
    *(f"ConvNeXt{size}" for size in ("Small", "Base", "Large", "XLarge")),  # as Tiny
    *("DenseNet121", "DenseNet169", "DenseNet201"),  # joins branches as InceptionV3 does
    *(f"EfficientNetB{number}" for number in range(1, 8)),  # as 0
    *(f"EfficientNetV2{size}" for size in ("B1", "B2", "B3", "S", "M", "L")),  # as V2B0
    "MobileNetV3Large",  # as Small
    *("NASNetLarge", "NASNetMobile"),  # half a minute each
    *("InceptionResNetV2", "ResNet50V2"),  # as InceptionV3 and ResNet50
    *("ResNet101", "ResNet152", "ResNet101V2", "ResNet152V2"),  # as 50
    "VGG19",  # as 16
    *("MobileNetV2", "Xception", "EfficientNetV2B0"),  # depthwise as MobileNetV3Small and B0
}
_DRAWN = 10_007  # a prime, so that no two columns of a kernel are the same
_PRODUCTS = {"Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2"}

ARCHITECTURES = [
    pytest.param(name, marks=[pytest.mark.thorough] if name in _SAME_BLOCKS else [])
    for name in sorted(dir(keras.applications))
    if name[0].isupper() and callable(getattr(keras.applications, name))
]

# Gates, concatenations, sums.
_NARROWED_SOON = {"MobileNetV3Small", "EfficientNetB0", "InceptionV3", "ResNet50"}
NARROWED = [
    pytest.param(
        *each.values, marks=[] if each.values[0] in _NARROWED_SOON else pytest.mark.thorough
    )
    for each in ARCHITECTURES
]


@pytest.fixture(autouse=True)
def _tiled_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """First weights from one small draw, begun anywhere: drawing each takes most of the time."""
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal(_DRAWN).astype("float32").clip(-2, 2)

    def draw(shape: tuple[int, ...], deviation: float) -> np.ndarray:
        return np.resize(np.roll(drawn, rng.integers(_DRAWN)), shape) * np.float32(deviation)

    def scaled(_: object, shape: tuple[int, ...], **__: object) -> np.ndarray:
        return draw(shape, 1 / math.sqrt(math.prod(shape[:-1])))

    def truncated(initializer: Any, shape: tuple[int, ...], **_: object) -> np.ndarray:
        return draw(shape, initializer.stddev)

    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", scaled)
    monkeypatch.setattr(keras.initializers.TruncatedNormal, "__call__", truncated)


@pytest.fixture(autouse=True)
def _collected_once() -> Iterator[None]:
    """Looks for garbage behind a test alone: a deep model is a million objects to look through."""
    gc.disable()
    yield
    gc.enable()
    keras.backend.clear_session()


def _model(name: str) -> keras.Model:
    size = _SIZES.get(name, _SMALLEST)
    keras.utils.set_random_seed(0)
    make = getattr(keras.applications, name)
    return make(
        weights=None,
        input_shape=(size, size, 3),
        classes=10,
        classifier_activation=None,
        include_top=True,
    )


def _images(model: keras.Model, count: int = 2) -> np.ndarray:
    shape = model.input_shape[1:]
    return np.random.default_rng(0).uniform(0, 255, (count, *shape)).astype("float32")


def _outputs(model: keras.Model, images: np.ndarray) -> np.ndarray:
    (outputs,) = tree.flatten(model(images, training=False))
    return np.asarray(outputs)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture(name: str) -> None:
    model = _model(name)
    graph = trace_model(model)
    images = _images(model)
    expected = _outputs(model, images)
    received = _outputs(build_model(graph), images)
    scale = np.abs(expected).max()
    assert np.abs(received - expected).max() <= 1e-5 * scale
    cost = graph_cost(graph)
    assert cost.num_params == model.count_params()
    assert cost.macs == pytest.approx(_profiled_macs(model), rel=0.01)
    units = [unit for unit in removable_units(graph) if unit.macs > 0]
    assert units
    for place in np.random.default_rng(0).permutation(len(units))[:_LOOKED_AT]:
        remove_unit(graph, units[place])  # sound, or an error
    slim = graph
    for _ in range(_REMOVALS):
        slim = _without_one(slim)
        assert graph_cost(slim).macs < graph_cost(graph).macs
    slimmed = build_model(slim)
    outputs = _outputs(slimmed, images)
    assert outputs.shape == (len(images), 10)
    assert np.isfinite(outputs).all()
    assert graph_cost(slim).num_params == slimmed.count_params()


@pytest.mark.parametrize("name", NARROWED)
def test_a_narrowed_architecture(name: str) -> None:
    model = _model(name)
    rng = np.random.default_rng(0)
    graph = drawn_weights(trace_model(model), rng)
    images = _images(model) / 255
    slim = check_narrowed(graph, drawn_gone(graph, 1 / 4, rng), images)
    assert graph_cost(slim).macs < 0.9 * graph_cost(graph).macs


def _without_one(graph: LayerGraph) -> LayerGraph:
    units = [unit for unit in removable_units(graph) if unit.macs > 0]
    chosen = np.random.default_rng(len(units)).integers(len(units))
    return remove_unit(graph, units[chosen])


def _profiled_macs(model: keras.Model) -> int:
    """Multiply-accumulates of convolutions and products of matrices, as TensorFlow counts them."""
    import tensorflow as tf

    spec = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec).graph
    return sum(_float_operations(each) for each in _with_functions(graph)) // 2


def _with_functions(graph: Any) -> list[Any]:
    """A graph and those of functions that it calls: convolutions in groups are compiled ones."""
    calls = [each for each in graph.get_operations() if each.type == "StatefulPartitionedCall"]
    called = [graph._get_function(call.get_attr("f").name).graph for call in calls]
    return [graph, *(each for inner in called for each in _with_functions(inner))]


def _float_operations(graph: Any) -> int:
    import tensorflow as tf

    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    run = tf.compat.v1.RunMetadata()
    profile = tf.compat.v1.profiler.profile(graph, run_meta=run, cmd="op", options=options)
    return sum(node.float_ops for node in _walk(profile) if node.name in _PRODUCTS)


def _walk(profile: Any) -> list[Any]:
    found, left = [], list(profile.children)
    while left:
        node = left.pop()
        found.append(node)
        left.extend(node.children)
    return found
