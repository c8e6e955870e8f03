"""The units found are the blocks that the papers drew, written out here by hand."""

from collections import Counter

import keras
import pytest

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.unit import Unit
from prune_mi.keras_io.model_graph.trace import trace_model

pytestmark = pytest.mark.slow


def _graph(name: str, size: int = 64) -> LayerGraph:
    make = getattr(keras.applications, name)
    return trace_model(make(weights=None, input_shape=(size, size, 3), classes=10))


def _units(graph: LayerGraph, kind: str) -> dict[str, Unit]:
    return {unit.name: unit for unit in removable_units(graph) if unit.kind == kind}


def test_resnet_50() -> None:
    """Four stages of 3, 4, 6 and 3 bottlenecks; the first of each has a projected shortcut."""
    blocks = [
        f"conv{stage}_block{block}_add"
        for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3))
        for block in range(1, count + 1)
    ]
    units = _units(_graph("ResNet50"), "branch")
    projected = {f"conv{stage}_block1_add/shortcut" for stage in (2, 3, 4, 5)}
    assert set(units) == {f"{block}/branch" for block in blocks} | projected
    bottleneck = units["conv3_block2_add/branch"]
    assert [each for each in bottleneck.nodes if each.endswith("_conv")] == [
        "conv3_block2_1_conv",
        "conv3_block2_2_conv",
        "conv3_block2_3_conv",
    ]


def test_mobilenet_v2() -> None:
    """Of its 17 inverted residuals, the ten of stride 1 and unchanged width have a shortcut."""
    blocks = (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)
    units = _units(_graph("MobileNetV2"), "branch")
    assert set(units) == {f"block_{block}_add/branch" for block in blocks}
    assert {"block_4_expand", "block_4_depthwise", "block_4_project"} < set(
        units["block_4_add/branch"].nodes
    )


def test_efficientnet_b0() -> None:
    """Seven stages of 1, 2, 2, 3, 3, 4 and 1 blocks; all but the first of each have a shortcut."""
    stages = {1: "a", 2: "ab", 3: "ab", 4: "abc", 5: "abc", 6: "abcd", 7: "a"}
    blocks = [f"block{stage}{letter}" for stage, letters in stages.items() for letter in letters]
    graph = _graph("EfficientNetB0")
    branches = {f"{block}_add/branch" for block in blocks if not block.endswith("a")}
    assert set(_units(graph, "branch")) == branches
    assert set(_units(graph, "gate")) == {f"{block}_se_excite/gate" for block in blocks}


def test_densenet_121() -> None:
    """Four dense blocks of 6, 12, 24 and 16 layers, each of which can go."""
    layers = [
        f"conv{stage}_block{layer}_concat/part_2"
        for stage, count in ((2, 6), (3, 12), (4, 24), (5, 16))
        for layer in range(1, count + 1)
    ]
    units = _units(_graph("DenseNet121"), "part")
    assert set(units) == set(layers)
    assert {"conv4_block3_1_conv", "conv4_block3_2_conv"} < set(
        units["conv4_block3_concat/part_2"].nodes
    )


def test_inception_v3() -> None:
    """Eleven modules of three or four branches; the last two split their 3x3 branches again."""
    branches = {f"mixed{module}": 4 for module in (0, 1, 2, 4, 5, 6, 7, 9, 10)}
    branches |= {"mixed3": 3, "mixed8": 3}
    inner = {"mixed9_0": 2, "mixed9_1": 2}
    units = _units(_graph("InceptionV3", 75), "part")
    found = Counter(name.split("/")[0] for name in units)
    unnamed = {name: count for name, count in found.items() if name.startswith("concatenate")}
    assert sorted(unnamed.values()) == [2, 2]
    assert found == branches | inner | unnamed


def test_convnext_tiny() -> None:
    """Four stages of 3, 3, 9 and 3 blocks, all with an identity shortcut."""
    units = _units(_graph("ConvNeXtTiny"), "branch")
    depthwise = {
        f"convnext_tiny_stage_{stage}_block_{block}_depthwise_conv"
        for stage, count in enumerate((3, 3, 9, 3))
        for block in range(count)
    }
    found = {next(each for each in unit.nodes if "depthwise" in each) for unit in units.values()}
    assert found == depthwise
    assert len(units) == 18
