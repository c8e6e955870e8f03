"""Dropout behind any tensor: in inference it is the identity.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4: a rate from 0 to 0.5, drawn evenly.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.new_layers import new_dropout
from prune_mi.morphisms.insertion import inserted
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site, inner_tensors

_MAX_RATE = 0.5


class InsertDropout:
    """Puts a dropout of random rate, 0 to 0.5, behind any tensor."""

    name = "insert-dropout"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = inner_tensors(graph)
        if not sites:
            return NoSite("no tensor inside the graph")
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        rate = round(float(rng.uniform(0, _MAX_RATE)), 3)
        layer = new_dropout(fresh_name(graph, "inserted_dropout"), rate)
        return inserted(graph, ref, (layer,), self.name, f"rate {rate}")
