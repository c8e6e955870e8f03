"""Digests of weights: equal ones are of equal arrays."""

import hashlib
from collections.abc import Iterable

import numpy as np

from prune_mi.graph.ir import LayerGraph


def weights_digest(graph: LayerGraph) -> str:
    """A digest of all weights of a graph, in order."""
    return arrays_digest(each for layer in graph.layers.values() for each in layer.weights)


def arrays_digest(arrays: Iterable[np.ndarray]) -> str:
    """A digest of arrays: another one for other values, shapes or orders."""
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        found.update(str(array.shape).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
