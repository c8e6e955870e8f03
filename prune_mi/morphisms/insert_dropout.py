"""Dropout behind any tensor: in inference it is the identity.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4: a rate from 0 to 0.5, drawn evenly.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import stock_layer
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.insertion import Insertion, inserted, sites_behind
from prune_mi.morphisms.morphism import Edit, MorphContext, Site
from prune_mi.morphisms.site import inner_tensors

_MAX_RATE = 0.5


class InsertDropout(Insertion):
    """Puts a dropout of random rate, 0 to 0.5, behind any tensor."""

    name = "insert-dropout"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        refs = inner_tensors(graph)
        if not refs:
            return NotApplicable("no tensor inside the graph")
        return sites_behind(graph, refs, _edit)


def _edit(graph: LayerGraph, ref: TensorRef, rng: np.random.Generator) -> Edit:
    rate = round(float(rng.uniform(0, _MAX_RATE)), 3)
    layer = stock_layer("Dropout", fresh_name(graph, "inserted_dropout"), rate=rate)
    return inserted(graph, ref, (layer,), f"rate {rate}")
