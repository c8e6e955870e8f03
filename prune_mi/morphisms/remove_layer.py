"""Removal of one layer at random: DEIM 2019 A3-4's own control.

Convolution, pooling, activation, dropout or batch norm, all layers alike; never the input or a
dense layer. See `graph.single_layers`.
"""

import numpy as np

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.place import place_of
from prune_mi.graph.single_layers import SingleLayer, single_layers
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite, counted
from prune_mi.morphisms.site import draw_site
from prune_mi.records import MorphRecord


class RemoveLayer:
    """Removes any one layer."""

    name = "remove-layer"
    keeps_function = False

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = single_layers(graph)
        if not sites:
            return NoSite("no convolution, pooling, activation, dropout or batch norm can go")
        chosen = draw_site(
            graph, sites, context, rng, kind=self.name, tensor=lambda layer: layer.unit.after
        )
        return removed(graph, chosen, f"chosen at random from {counted(len(sites), 'layer')}")


def removed(graph: LayerGraph, layer: SingleLayer, reason: str) -> Morphed:
    """A graph without one of its layers, and the record of it."""
    gone = tuple(name for name in graph.layers if name not in layer.without.layers)
    place = place_of(graph, layer.unit.after)
    record = MorphRecord(RemoveLayer.name, layer.unit.name, gone, reason, place)
    return Morphed(layer.without, record)
