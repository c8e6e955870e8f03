"""Removal of one layer: y = f(x) becomes y = x.

Any layer that DEIM 2019 A3-4 removes, all alike, which is the paper's own control: convolution,
pooling, activation, dropout or batch norm, never the input or a dense layer (see
`graph.units.single_layers`). Or a pooling that makes images smaller, after which what is behind
costs more. Everything behind it follows the new size (`graph.spatial.resizing`): a join whose other
inputs stay small takes these from before a pooling of their own, so that this goes as well, and a
dense layer behind a flattening gets its kernel's rows spread over the pixels that were pooled. A
pooling that keeps sizes is a unit like others (`remove_unit`).

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

from functools import partial

from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Site
from prune_mi.graph.traits import LOCAL_POOLINGS
from prune_mi.graph.units.single_layers import remove_pooling, single_layers
from prune_mi.morphisms.insertion import has_channels_last
from prune_mi.morphisms.morphism import MorphContext, Morphism, chosen_evenly


class RemoveLayer(Morphism):
    """Removes any one layer."""

    name = "remove-layer"
    effect = "removes"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        return chosen_evenly(single_layers(graph), "layer") or NotApplicable(
            "no convolution, pooling, activation, dropout or batch norm can go"
        )


class RemovePool(Morphism):
    """Removes a pooling that makes images smaller."""

    name = "remove-pool"
    effect = "removes"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        nodes = [node for node in graph.nodes if _shrinks(graph, node)]
        if not has_channels_last(graph) or not nodes:
            return NotApplicable("no channels-last pooling of known sizes makes images smaller")
        return chosen_evenly([_site(node) for node in nodes], "pooling layer")


def _site(pooling: Node) -> Site:
    edit = partial(remove_pooling, pooling=pooling)
    return Site(pooling.name, pooling.inputs[0], TensorRef(pooling.name), edit)


def _shrinks(graph: LayerGraph, node: Node) -> bool:
    """Whether a call is a pooling of known sizes that yields others than it reads."""
    if graph.layer_of(node).class_name not in LOCAL_POOLINGS or node.layer in graph.protected:
        return False
    old, new = graph.spec(node.inputs[0]).shape, node.outputs[0].shape
    return None not in old[1:] and old != new
