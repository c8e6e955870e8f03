"""Dense + ReLU behind a vector x that is never negative: relu(I x + 0) = x.

Exact, in training too. Behind other vectors a dense layer without an activation would be exact as
well, but it adds nothing that the next one does not have: there is no site. The kernel has as many
weights as the vector has values, squared, so that wide vectors, such as a flattened image, are left
alone.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH).
"""

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.new_layers import new_dense, new_relu
from prune_mi.morphisms.insertion import inserted, num_channels, rectified_tensors
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site

MAX_WIDTH = 1024  # a kernel of 4 MiB


class InsertDense:
    """Puts dense + ReLU behind a vector that is never negative."""

    name = "insert-dense"
    keeps_function = True

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        vectors = rectified_tensors(graph, rank=2)
        sites = [ref for ref in vectors if num_channels(graph, ref) <= MAX_WIDTH]
        if vectors and not sites:
            return NoSite(f"all rectified vectors have more than {MAX_WIDTH} values")
        if not sites:
            return NoSite("no rectified vector to stay non-negative behind")
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        width = num_channels(graph, ref)
        kernel, bias = np.eye(width, dtype=np.float32), np.zeros(width, np.float32)
        layers = (
            new_dense(fresh_name(graph, "inserted_dense"), kernel, bias),
            new_relu(fresh_name(graph, "inserted_relu")),
        )
        return inserted(graph, ref, layers, self.name, f"{width} units, starts as the identity")
