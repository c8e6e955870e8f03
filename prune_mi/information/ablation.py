"""Ablation: a network without what would go at each of some sites, beside the whole one.

All are run on the same images.

Batch norms normalise by the batch at hand, in the whole network as in the others: that is what a
recalibration would make of them, and a shift of scale that it would undo is not counted. Only what
a removal changes is computed again.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras import ops

from prune_mi.costs.kinds.macs import node_macs
from prune_mi.data import stratified_sample
from prune_mi.errors import GraphError
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import changed_nodes, without_dead_nodes
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Site
from prune_mi.graph.traits import has_kernel
from prune_mi.graph.units.discovery import outermost
from prune_mi.information.criterion import RankingRequest
from prune_mi.keras_io.forward.graph_runner import GraphRunner

_FEWEST_IMAGES = 16
_MOST_IMAGES = 256
_MOST_BYTES = 2**29
_LIVE_TENSORS = 4  # of each network at a time


class Ablation:
    """The sites of a request, each changed by itself.

    Args:
        request: As criteria are asked.
        thrifty: Use as many images as keep all ablated networks together within the cost of one
            pass over all of them, though at least 16 and at most 256. Where these would be fewer
            than 8, a site inside another one is not changed by itself: it counts as the whole one.
            Else all images are used, and all sites changed.
        read: The tensors of a network that are read.

    Attributes:
        sites: Those that are changed by themselves.
        images: int `(n,)`, which of the request's images are used, in order.
    """

    def __init__(
        self,
        request: RankingRequest,
        *,
        thrifty: bool,
        read: Callable[[LayerGraph], tuple[TensorRef, ...]],
    ) -> None:
        self._request = request
        graph, num = request.graph, len(request.images)
        ablated = {site.name: _ablated(graph, site) for site in request.sites}
        self.sites = tuple(request.sites)
        count = num
        if thrifty:
            affordable = _affordable_images(graph, list(ablated.values()), num)
            if 2 * affordable < _FEWEST_IMAGES:
                self.sites = outermost(self.sites)
                left = [ablated[site.name] for site in self.sites]
                affordable = _affordable_images(graph, left, num)
            count = min(max(affordable, _FEWEST_IMAGES), _MOST_IMAGES, num)
        rng = np.random.default_rng((request.seed, count))
        self.images = rng.permutation(stratified_sample(request.groups, size=count, rng=rng))
        size = max(1, min(count, _MOST_IMAGES, _MOST_BYTES // bytes_an_image(graph)))
        self._parts = np.array_split(self.images, math.ceil(count / size))
        self._largest_bytes = max(_tensor_bytes(graph))
        self._whole = read(graph)
        self._without = [
            without_dead_nodes(replace(each, outputs=read(each), output_structure=None))
            for each in (ablated[site.name] for site in self.sites)
        ]

    def gathered(
        self, *reduce: Callable[[Any], np.ndarray]
    ) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
        """What is read of the whole network, and of each ablated one, in the order of `sites`.

        Args:
            reduce: For each tensor that is read, what is kept of it, an array `(n, ...)`.
        """
        request = self._request
        runner = GraphRunner(request.graph, batch_statistics=True)
        found = []
        for part in self._parts:
            batch = request.scaling.apply(np.asarray(request.images[part]))
            known = runner.run({request.graph.inputs[0]: ops.convert_to_tensor(batch)})
            beside = max(1, _MOST_BYTES // (_LIVE_TENSORS * self._largest_bytes * len(part)))
            networks = [tuple(known[ref] for ref in self._whole)]
            for start in range(0, len(self._without), beside):
                networks += runner.rerun(self._without[start : start + beside], known)
            found.append(
                [
                    [take(tensor) for take, tensor in zip(reduce, tensors, strict=True)]
                    for tensors in networks
                ]
            )
        whole, *without = (
            [np.concatenate(parts) for parts in zip(*by_batch, strict=True)]
            for by_batch in zip(*found, strict=True)
        )
        return whole, without

    def rows(self) -> list[int]:
        """For each site that was asked about, the place in `sites` of what stands for it."""
        return rows_among(self._request.sites, self.sites)


def rows_among(sites: Sequence[Site], measured: Sequence[Site]) -> list[int]:
    """The place of each site among those measured, or of the first of these that it lies inside."""
    rows = {each.name: row for row, each in enumerate(measured)}

    def around(site: Site) -> int:
        inside = (set(site.nodes) <= set(each.nodes) for each in measured)
        return next(row for row, is_inside in enumerate(inside) if is_inside)

    return [rows[site.name] if site.name in rows else around(site) for site in sites]


def _ablated(graph: LayerGraph, site: Site) -> LayerGraph:
    edited = site.edited(graph)
    if isinstance(edited, NotApplicable):
        raise GraphError(f"{site.name} cannot be scored: {edited.reason}")
    return edited


def last_features(graph: LayerGraph) -> TensorRef:
    """What the last layer with a kernel reads; the graph's output where none has one."""
    node = graph.node_by_name[graph.outputs[0].node]
    while node.inputs:
        if has_kernel(graph.layer_of(node)):
            return node.inputs[0]
        node = graph.node_by_name[node.inputs[0].node]
    return graph.outputs[0]


def bytes_an_image(graph: LayerGraph) -> int:
    """Memory of every tensor of the graph."""
    return sum(_tensor_bytes(graph))


def _tensor_bytes(graph: LayerGraph) -> list[int]:
    return [
        4 * math.prod(axis or 1 for axis in spec.shape)
        for node in graph.nodes
        for spec in node.outputs
    ]


def _affordable_images(graph: LayerGraph, ablated: Sequence[LayerGraph], most: int) -> int:
    """Images on which all ablated networks together cost what one pass over `most` does."""
    again = sum(node_macs(each, node) for each in ablated for node in changed_nodes(graph, each))
    return round(most * graph_cost(graph).macs / max(again, 1))
