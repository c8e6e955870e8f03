"""Removal of one layer at random: DEIM 2019 A3-4's own control.

Convolution, pooling, activation, dropout or batch norm, all layers alike; never the input or a
dense layer. See `graph.single_layers`.
"""

import numpy as np

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.place import place_of
from prune_mi.graph.single_layers import single_layers
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
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
        gone = tuple(name for name in graph.layers if name not in chosen.without.layers)
        record = MorphRecord(
            self.name,
            chosen.unit.name,
            gone,
            f"drawn from {len(sites)} layers",
            place_of(graph, chosen.unit.after),
        )
        return Morphed(chosen.without, record)
