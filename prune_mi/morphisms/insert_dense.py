"""Dense + ReLU behind a vector x that is never negative: relu(I x + 0) = x.

Exact, in training too. Behind other vectors a dense layer without an activation would be exact as
well, but it adds nothing that the next one does not have: there is no site. The kernel has as many
weights as the vector has values, squared, so that wide vectors, such as a flattened image, are left
alone.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH).
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import new_dense, new_relu
from prune_mi.graph.site import Edit
from prune_mi.morphisms.insertion import InsertionBehind, num_channels

MAX_WIDTH = 1024  # a kernel of 4 MiB


class InsertDense(InsertionBehind):
    """Puts dense + ReLU behind a vector that is never negative."""

    name = "insert-dense"
    rank = 2
    channels_last = False
    rectified = True
    none = "no rectified vector to stay non-negative behind"
    none_fits = f"all rectified vectors have more than {MAX_WIDTH} values"

    def fits(self, graph: LayerGraph, ref: TensorRef) -> bool:
        """Whether its kernel would not be too large."""
        return num_channels(graph, ref) <= MAX_WIDTH

    def edit(self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef) -> Edit:
        """See `InsertionBehind`."""
        width = num_channels(graph, ref)
        kernel, bias = np.eye(width, dtype=np.float32), np.zeros(width, np.float32)
        layers = (
            new_dense(fresh_name(graph, "inserted_dense"), kernel, bias),
            new_relu(fresh_name(graph, "inserted_relu")),
        )
        return Edit(insert_after(graph, ref, layers), f"{width} units, starts as the identity")
