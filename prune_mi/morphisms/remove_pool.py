"""Removal of a pooling: y = pool(x) becomes y = x, of more rows and columns.

The function changes, and what is behind costs more. Everything behind follows the new size
(`graph.resizing`): a join whose other inputs stay small takes these from before a pooling of their
own, so that this goes as well, and a dense layer behind a flattening gets its kernel's rows spread
over the pixels that were pooled. A pooling that keeps sizes is a unit like others
(`remove_unit`).

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4.
"""

import numpy as np

from prune_mi.graph.ir import LayerGraph, Node, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.graph.resizing import without_pooling
from prune_mi.graph.traits import LOCAL_POOLINGS
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite, counted
from prune_mi.morphisms.site import draw_sites, has_channels_last
from prune_mi.records import MorphRecord


class RemovePool:
    """Removes a pooling that makes images smaller."""

    name = "remove-pool"
    keeps_function = False

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = [node for node in graph.nodes if _shrinks(graph, node)]
        if not has_channels_last(graph) or not sites:
            return NoSite("no channels-last pooling of known sizes makes images smaller")
        reasons: dict[str, str] = {}
        for node in draw_sites(graph, sites, context, rng, kind=self.name, tensor=_yielded):
            slimmed = without_pooling(graph, node)
            if isinstance(slimmed, LayerGraph):
                went = tuple(name for name in graph.layers if name not in slimmed.layers)
                reason = f"chosen at random from {counted(len(sites), 'pooling layer')}"
                place = place_of(graph, _yielded(node))
                return Morphed(slimmed, MorphRecord(self.name, node.name, went, reason, place))
            reasons[node.name] = slimmed.reason
        return NoSite(f"none of {len(sites)} poolings can go: {reasons[sites[0].name]}")


def _yielded(node: Node) -> TensorRef:
    return TensorRef(node.name)


def _shrinks(graph: LayerGraph, node: Node) -> bool:
    """Whether a call is a pooling of known sizes that yields others than it reads."""
    if graph.layer_of(node).class_name not in LOCAL_POOLINGS or node.layer in graph.protected:
        return False
    old, new = graph.spec(node.inputs[0]).shape, node.outputs[0].shape
    return None not in old[1:] and old != new
