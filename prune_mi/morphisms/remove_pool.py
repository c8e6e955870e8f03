"""Removal of a pooling: y = pool(x) becomes y = x, of more rows and columns.

The function changes, and what is behind costs more. Everything behind follows the new size
(`graph.resizing`): a join whose other inputs stay small takes these from before a pooling of their
own, so that this goes as well, and a dense layer behind a flattening gets its kernel's rows spread
over the pixels that were pooled. A pooling that keeps sizes is a unit like others
(`remove_unit`).

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

from functools import partial

from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.single_layers import remove_pooling
from prune_mi.graph.site import Site
from prune_mi.graph.traits import LOCAL_POOLINGS
from prune_mi.morphisms.insertion import has_channels_last
from prune_mi.morphisms.morphism import MorphContext, Removal, chosen_evenly


class RemovePool(Removal):
    """Removes a pooling that makes images smaller."""

    name = "remove-pool"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        nodes = [node for node in graph.nodes if _shrinks(graph, node)]
        if not has_channels_last(graph) or not nodes:
            return NotApplicable("no channels-last pooling of known sizes makes images smaller")
        return chosen_evenly([_site(node) for node in nodes], "pooling layer")


def _site(node: Node) -> Site:
    edit = partial(remove_pooling, pooling=node)
    return Site(node.name, node.inputs[0], TensorRef(node.name), edit, nodes=(node.name,))


def _shrinks(graph: LayerGraph, node: Node) -> bool:
    """Whether a call is a pooling of known sizes that yields others than it reads."""
    if graph.layer_of(node).class_name not in LOCAL_POOLINGS or node.layer in graph.protected:
        return False
    old, new = graph.spec(node.inputs[0]).shape, node.outputs[0].shape
    return None not in old[1:] and old != new
