"""How often each kind of layer stands in a network, and behind what.

Networks that people made are counted so, to learn from them what to add and where: layer
frequencies and successions are what the DEIM paper (Namekawa & Tezuka 2019) wishes for as morph
probabilities. A kind is what stands behind; what stands in front is told as a `Place`, in words
that hold for every network: what is learned about places in one is then of use in its children,
whose layers have other names and other depths.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.traits import (
    ACTIVATIONS,
    CONCATENATIONS,
    DROPOUTS,
    JOINS,
    NOISES,
    NORMALIZATIONS,
    POOLINGS,
    has_kernel,
)
from prune_mi.records import Place

KINDS = (
    *("conv", "batch-norm", "activation", "pooling", "global-pooling", "dropout", "dense"),
    *("add", "concatenate", "other"),
)
_COUNTED_BY_PAPER = ACTIVATIONS | NOISES | NORMALIZATIONS | POOLINGS
THIRDS = (0, 1, 2)
_CLASSES = {
    "norm": NORMALIZATIONS,
    "activation": ACTIVATIONS,
    "pooling": POOLINGS,
    "noise": NOISES,
    "join": JOINS | CONCATENATIONS,
}
BEHIND_KINDS = ("input", "kernel", *_CLASSES, "other")


@dataclass(frozen=True, slots=True)
class LayerCounts:
    """Counts of one network.

    Attributes:
        frequencies: By kind, the calls of such layers.
        successions: By what yields a tensor (`Place.behind`) and by kind, how often such a layer
            reads such a tensor.
    """

    frequencies: Mapping[str, int]
    successions: Mapping[str, Mapping[str, int]]


def count_layers(graph: LayerGraph) -> LayerCounts:
    """Counts the calls of a network by kind, and what they read.

    An activation fused into a layer with a kernel counts as one behind that kernel. A dense layer
    on an image is a convolution of size one and counts as such. Input layers are not counted.
    """
    frequencies: Counter[str] = Counter()
    successions: dict[str, Counter[str]] = {}
    for node in graph.nodes:
        layer, kind = graph.layer_of(node), _kind(graph, node)
        is_fused = has_kernel(layer) and layer.config.get("activation") not in (None, "linear")
        for ref in dict.fromkeys(node.inputs):
            successions.setdefault(location_of(graph, ref).behind, Counter())[kind] += 1
        if is_fused:
            successions.setdefault("kernel", Counter())["activation"] += 1
        if node.inputs:
            frequencies[kind] += 1
            frequencies["activation"] += is_fused
    return LayerCounts(
        {kind: frequencies[kind] for kind in KINDS if frequencies[kind]},
        {behind: dict(counts) for behind, counts in successions.items()},
    )


def num_paper_layers(graph: LayerGraph) -> int:
    """How many layers the paper would say a network has.

    Its seed of input, convolution, activation, dense and output layer has five: the input, and
    every call of a convolution, dense, pooling, activation, dropout or batch norm layer. An
    activation that is part of its layer counts as part of it, as the softmax of the output layer
    does. What only passes tensors on is not counted: flattening, rescaling, additions,
    concatenations, padding.
    """
    inputs = {ref.node for ref in graph.inputs}
    layers = [graph.layer_of(node) for node in graph.nodes if node.name not in inputs]
    counted = [each for each in layers if each.class_name in _COUNTED_BY_PAPER or has_kernel(each)]
    return len(inputs) + len(counted)


def _kind(graph: LayerGraph, node: Node) -> str:
    layer = graph.layer_of(node)
    name = layer.class_name
    if has_kernel(layer):
        return "dense" if len(node.outputs[0].shape) == 2 else "conv"
    if name in POOLINGS:
        return "global-pooling" if name.startswith("Global") else "pooling"
    if name in DROPOUTS:
        return "dropout"
    if name in ACTIVATIONS:
        return "activation"
    if name == "BatchNormalization":
        return "batch-norm"
    if name in CONCATENATIONS:
        return "concatenate"
    # A constant that is added is no join.
    return "add" if name == "Add" and len(node.inputs) > 1 else "other"


def location_of(graph: LayerGraph, ref: TensorRef) -> Place:
    """The place of a tensor of the graph."""
    third = len(THIRDS) * graph.position[ref.node] // len(graph.nodes)
    return Place(third, _behind(graph, ref))


def _behind(graph: LayerGraph, ref: TensorRef) -> str:
    if ref in graph.inputs:
        return "input"
    layer = graph.layer_of(graph.node_by_name[ref.node])
    if has_kernel(layer):
        return "kernel"
    found = (name for name, classes in _CLASSES.items() if layer.class_name in classes)
    return next(found, "other")
