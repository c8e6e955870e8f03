"""Removal of one layer at random: DEIM 2019 A3-4's own control.

Convolution, pooling, activation, dropout or batch norm, all layers alike; never the input or a
dense layer. See `graph.single_layers`.
"""

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.single_layers import single_layers
from prune_mi.graph.site import Site
from prune_mi.morphisms.morphism import MorphContext, Removal, chosen_evenly


class RemoveLayer(Removal):
    """Removes any one layer."""

    name = "remove-layer"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        return chosen_evenly(single_layers(graph), "layer") or NotApplicable(
            "no convolution, pooling, activation, dropout or batch norm can go"
        )
