"""A stage: half the size, twice the channels, behind a tensor that is never negative.

Max pooling (`insert_pool`), then conv + BN + ReLU that is the identity (`insert_conv`), then that
convolution, and what must have its width, made twice as wide (`widen`). What a later stage loses in
places it gains in features, as networks made by hand have it: a layer of its width costs as many
multiply-accumulates as one in front of it. Only the pooling changes the function.

Source: the rule is that of Simonyan & Zisserman (2015), VGG, and He et al. (2016), ResNet; the
parts are named in their own files.
"""

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.new_layers import identity_norm, new_conv, new_relu
from prune_mi.graph.place import place_of
from prune_mi.graph.sizes import Unsized
from prune_mi.graph.widths import width_groups
from prune_mi.morphisms.identity_conv import dirac_kernel
from prune_mi.morphisms.insert_pool import pooled
from prune_mi.morphisms.insertion import num_channels, rectified_images
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_sites
from prune_mi.morphisms.widen import widened
from prune_mi.records import MorphRecord

_SIZE, _TIMES = 3, 2
_LEAST_SIZE = 8  # of the larger image: on fewer pixels more features only cost weights


class InsertStage:
    """Begins a stage behind a channels-last image tensor that is never negative."""

    name = "insert-stage"
    keeps_function = False

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        images = rectified_images(graph)
        if isinstance(images, NoSite):
            return images
        sites = [ref for ref in images if _is_large(graph, ref)]
        reasons: dict[TensorRef, str] = {}
        for ref in draw_sites(graph, sites, context, rng, kind=self.name, tensor=lambda each: each):
            staged = _staged(graph, ref, rng)
            if isinstance(staged, LayerGraph):
                came = tuple(name for name in staged.layers if name not in graph.layers)
                channels = num_channels(graph, ref)
                detail = f"{channels} to {_TIMES * channels} channels at half the size"
                record = MorphRecord(self.name, ref.node, came, detail, place_of(graph, ref))
                return Morphed(staged, record)
            reasons[ref] = staged
        small = f"none is known to have {_LEAST_SIZE} rows and columns"
        first = reasons[sites[0]] if sites else small
        return NoSite(f"no stage can begin behind any of {len(images)} images: {first}")


def _is_large(graph: LayerGraph, ref: TensorRef) -> bool:
    return all((size or 0) >= _LEAST_SIZE for size in graph.spec(ref).shape[1:-1])


def _staged(graph: LayerGraph, ref: TensorRef, rng: np.random.Generator) -> LayerGraph | str:
    """The graph with a stage behind a tensor, or why there can be none."""
    channels = num_channels(graph, ref)
    smaller = pooled(graph, ref)
    if isinstance(smaller, Unsized):
        return smaller.reason
    small, pool = smaller
    conv = new_conv(fresh_name(small, "stage_conv"), dirac_kernel(_SIZE, channels))
    norm = identity_norm(fresh_name(small, "stage_bn"), channels)
    deep = insert_after(small, pool, (conv, norm, new_relu(fresh_name(small, "stage_relu"))))
    together = next((each for each in width_groups(deep) if conv.name in each.producers), None)
    if together is None:
        return "what reads it cannot become wider"
    return widened(deep, together, times=_TIMES, rng=rng)
