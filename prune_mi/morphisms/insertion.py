"""What insertions share: the tensors that they may stand behind, and what becomes of these."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial

import numpy as np

from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm, new_conv, new_relu
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.sign import is_never_negative
from prune_mi.graph.site import Edit, Site
from prune_mi.morphisms.morphism import MorphContext
from prune_mi.records import Effect


class Insertion:
    """What insertions have in common; see `Morphism`."""

    effect: Effect = "adds"
    keeps_function = True
    by_rank = False


class InsertionBehind(Insertion, ABC):
    """Puts layers between one tensor and everything that reads it."""

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        refs = self.tensors(graph)
        if isinstance(refs, NotApplicable):
            return refs
        return [Site(ref.node, ref, ref, partial(self.edit, ref=ref)) for ref in refs]

    @abstractmethod
    def tensors(self, graph: LayerGraph) -> Sequence[TensorRef] | NotApplicable:
        """The tensors that it may stand behind, or why there is none."""

    @abstractmethod
    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef
    ) -> Edit | NotApplicable:
        """Puts the layers behind one of them."""


def inner_tensors(graph: LayerGraph, *, rank: int | None = None) -> list[TensorRef]:
    """Tensors of single precision inside the graph that are read, with known channels.

    Args:
        graph: The graph; its ends, and what feeds outputs that are not judged, are left out.
        rank: Axes that they must have, the batch included; None for any number.
    """
    found = []
    for node in graph.nodes:
        if node.layer in graph.kept:
            continue  # an end, or what feeds an output that is not judged
        for index, spec in enumerate(node.outputs):
            ref = TensorRef(node.name, index)
            inside = ref in graph.consumers and ref not in graph.inputs and ref not in graph.outputs
            fits = len(spec.shape) > 1 if rank is None else len(spec.shape) == rank
            if inside and fits and spec.dtype == "float32" and spec.shape[-1] is not None:
                found.append(ref)
    return found


def has_channels_last(graph: LayerGraph) -> bool:
    """Whether no layer has channels first."""
    formats = (layer.config.get("data_format") for layer in graph.layers.values())
    return "channels_first" not in formats


def rectified_tensors(graph: LayerGraph, *, rank: int) -> list[TensorRef]:
    """Those of the inner tensors that are never negative."""
    return [ref for ref in inner_tensors(graph, rank=rank) if is_never_negative(graph, ref)]


def rectified_images(graph: LayerGraph) -> list[TensorRef] | NotApplicable:
    """Images of channels last inside the graph that are never negative; or that there are none."""
    return (has_channels_last(graph) and rectified_tensors(graph, rank=4)) or NotApplicable(
        "no rectified channels-last image tensor to stay non-negative behind"
    )


def num_channels(graph: LayerGraph, ref: TensorRef) -> int:
    """Channels of an inner tensor."""
    return int(graph.spec(ref).shape[-1] or 0)


def identity_conv(
    graph: LayerGraph, stem: str, *, size: int, channels: int, norm: bool = True
) -> tuple[LayerDef, ...]:
    """Conv + BN + ReLU that yield what they are fed if that is never negative.

    Args:
        graph: Where they are to go.
        stem: Their names begin with it.
        size: Rows and columns of the kernel.
        channels: Of what they are fed.
        norm: Whether there is a batch norm; without one the convolution has a bias of 0.
    """
    bias = None if norm else np.zeros(channels, np.float32)
    conv = new_conv(fresh_name(graph, f"{stem}_conv"), dirac_kernel(size, channels), bias)
    relu = new_relu(fresh_name(graph, f"{stem}_relu"))
    norms = (identity_norm(fresh_name(graph, f"{stem}_bn"), channels),) if norm else ()
    return (conv, *norms, relu)


def dirac_kernel(size: int, channels: int) -> np.ndarray:
    """The kernel of a convolution that is the identity, to grow another one from.

    With K[p, p, i, i] = 1, 'same' padding and stride 1, conv(x) = x. The place p is that of the
    output position itself: 'same' padding puts (k - 1) // 2 values before it and the rest behind
    it, so p = (k - 1) // 2: the centre for an odd k, the place before the middle for an even one.

    Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH).

    Returns:
        float32 `(size, size, channels, channels)`.
    """
    kernel = np.zeros((size, size, channels, channels), np.float32)
    kernel[(size - 1) // 2, (size - 1) // 2] = np.eye(channels, dtype=np.float32)
    return kernel
