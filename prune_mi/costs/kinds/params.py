"""Weights of every kind, trainable or not; a shared layer's count once."""

from prune_mi.costs.kind import CostKind
from prune_mi.graph.ir import LayerDef


def num_params(layer: LayerDef) -> int:
    """Weights of a layer."""
    return layer.num_params


# A normalisation alone is not said to save any: it is invertible, so a change of information across
# it is an artefact of scaling, and its weights are few.
COST = CostKind(
    name="params",
    label="params",
    words="weights of every kind, trainable or not",
    of_layer=num_params,
    saved_by_single_layers=False,
    writing="in full",
)
