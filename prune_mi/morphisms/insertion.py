"""What insertions share: the tensors that they may stand behind, and what becomes of these."""

from abc import abstractmethod
from functools import partial

import numpy as np

from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.traits import CONCATENATIONS, DROPOUTS, NARROWABLE, POOLINGS
from prune_mi.morphisms.morphism import MorphContext, Morphism

# Joins and changes of form that yield no negative value from values that are not negative.
_HANDS_ON = frozenset(
    {
        *POOLINGS,
        *DROPOUTS - {"AlphaDropout", "GaussianDropout"},
        *CONCATENATIONS,
        *(f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for rank in "123"),
        *("Flatten", "Reshape", "Permute", "Add", "Multiply", "Maximum", "Minimum"),
    }
)


class Insertion(Morphism):
    """Adds layers; the network answers as before, if nothing else is said."""

    effect = "adds"
    keeps_function = True


class InsertionBehind(Insertion):
    """Puts layers between one tensor and everything that reads it.

    Attributes:
        rank: Axes of tensors that it may stand behind, the batch included; None for any number.
        channels_last: Whether no layer of the network may have channels first.
        rectified: Whether the tensors must never be negative.
        none: Why there is no site where there is no such tensor.
        none_fits: Why where none `fits`; `{num}` is their number.
    """

    rank: int | None = None
    channels_last = True
    rectified = False
    none: str
    none_fits = ""

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`: behind each tensor that fits."""
        refs = inner_tensors(graph, rank=self.rank)
        if self.channels_last and not has_channels_last(graph):
            refs = []
        if self.rectified:
            refs = [ref for ref in refs if is_nonnegative(graph, ref)]
        if not refs:
            return NotApplicable(self.none)
        return [
            Site(ref.node, ref, ref, partial(self.edit, ref=ref))
            for ref in refs
            if self.fits(graph, ref)
        ] or NotApplicable(self.none_fits.format(num=len(refs)))

    def fits(self, graph: LayerGraph, ref: TensorRef) -> bool:
        """Whether it may stand behind one of the tensors."""
        return True

    @abstractmethod
    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef
    ) -> Edit | NotApplicable:
        """Puts the layers behind one of them."""


class InsertionBehindImage(InsertionBehind):
    """Puts layers behind a channels-last image tensor that is never negative."""

    rank = 4
    rectified = True
    none = "no rectified channels-last image tensor to stay non-negative behind"


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


def num_channels(graph: LayerGraph, ref: TensorRef) -> int:
    """Channels of an inner tensor."""
    return int(graph.spec(ref).shape[-1] or 0)


def is_nonnegative(graph: LayerGraph, ref: TensorRef) -> bool:
    """Whether a tensor holds no negative value, whatever the model is fed.

    Followed upwards, through pooling, flattening, dropout and joins, until a ReLU says so. Other
    tensors that are never negative, such as a softmax's, are not found.
    """
    waiting, seen = [ref], {ref}
    while waiting:
        node = graph.node_by_name[waiting.pop().node]
        layer = graph.layer_of(node)
        if _rectifies(layer):
            continue
        plain = layer.config.get("interpolation", "nearest") == "nearest"  # cubic ones overshoot
        if layer.class_name not in _HANDS_ON or not plain or not _reads_tensors_alone(node.args):
            return False
        waiting += [read for read in node.inputs if read not in seen]
        seen.update(node.inputs)
    return True


def _rectifies(layer: LayerDef) -> bool:
    """Whether a ReLU, bounded or not, is the last that a layer does."""
    if layer.class_name == "ReLU":
        return not layer.config.get("negative_slope")
    fused = layer.class_name in NARROWABLE | {"Activation"}
    named = fused and layer.config.get("activation") in ("relu", "relu6")
    return named or layer.class_name in ("Relu", "Relu6")


def _reads_tensors_alone(args: object) -> bool:
    """Whether a call adds no constant of its own, which may be negative."""
    if isinstance(args, list | tuple):
        return all(_reads_tensors_alone(each) for each in args)
    return isinstance(args, TensorRef)
