"""Removal of one layer at random: DEIM 2019 A3-4's own control.

Convolution, pooling, activation, dropout or batch norm, all layers alike; never the input or a
dense layer. See `graph.single_layers`.
"""

from functools import partial

import numpy as np

from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.single_layers import SingleLayer, single_layers
from prune_mi.morphisms.morphism import Edit, MorphContext, Removal, Site, counted


class RemoveLayer(Removal):
    """Removes any one layer."""

    name = "remove-layer"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        layers = single_layers(graph)
        if not layers:
            return NotApplicable(
                "no convolution, pooling, activation, dropout or batch norm can go"
            )
        told = f"chosen at random from {counted(len(layers), 'layer')}"
        return [site_of(layer, told) for layer in layers]


def site_of(layer: SingleLayer, told: str) -> Site:
    """The site of a layer that can go; `told` says why it was chosen."""
    return Site(layer.unit.name, layer.unit.after, partial(_edit, layer, told))


def _edit(layer: SingleLayer, told: str, rng: np.random.Generator) -> Edit:
    return Edit(layer.without, told)
