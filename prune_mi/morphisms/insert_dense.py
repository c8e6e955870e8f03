"""Dense + ReLU behind a vector x that is never negative: relu(I x + 0) = x.

Exact, in training too. Behind other vectors a dense layer without an activation would be exact as
well, but it adds nothing that the next one does not have: there is no site. The kernel has as many
weights as the vector has values, squared, so that wide vectors, such as a flattened image, are left
alone.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH).
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import new_dense, new_relu
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.insertion import (
    Insertion,
    inserted,
    num_channels,
    rectified_tensors,
    sites_behind,
)
from prune_mi.morphisms.morphism import Edit, MorphContext, Site

MAX_WIDTH = 1024  # a kernel of 4 MiB


class InsertDense(Insertion):
    """Puts dense + ReLU behind a vector that is never negative."""

    name = "insert-dense"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        vectors = rectified_tensors(graph, rank=2)
        refs = [ref for ref in vectors if num_channels(graph, ref) <= MAX_WIDTH]
        if vectors and not refs:
            return NotApplicable(f"all rectified vectors have more than {MAX_WIDTH} values")
        if not refs:
            return NotApplicable("no rectified vector to stay non-negative behind")
        return sites_behind(graph, refs, _edit)


def _edit(graph: LayerGraph, ref: TensorRef, rng: np.random.Generator) -> Edit:
    width = num_channels(graph, ref)
    kernel, bias = np.eye(width, dtype=np.float32), np.zeros(width, np.float32)
    layers = (
        new_dense(fresh_name(graph, "inserted_dense"), kernel, bias),
        new_relu(fresh_name(graph, "inserted_relu")),
    )
    return inserted(graph, ref, layers, f"{width} units, starts as the identity")
