"""Dropout behind any tensor: in inference it is the identity.

Source: Namekawa & Tezuka, DEIM Forum 2019, A3-4: a rate from 0 to 0.5, drawn evenly.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import stock_layer
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insertion import InsertionBehind

_MAX_RATE = 0.5


class InsertDropout(InsertionBehind):
    """Puts a dropout of random rate, 0 to 0.5, behind any tensor."""

    name = "insert-dropout"
    channels_last = False
    none = "no tensor inside the graph"

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        """See `InsertionBehind`."""
        rate = round(float(rng.uniform(0, _MAX_RATE)), 3)
        layer = stock_layer("Dropout", fresh_name(graph, "inserted_dropout"), rate=rate)
        return Edit(insert_after(graph, ref, (layer,)), f"rate {rate}")
