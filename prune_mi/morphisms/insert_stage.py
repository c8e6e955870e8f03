"""A stage: half the size, twice the channels, behind a tensor that is never negative.

Max pooling (`insert_pool`), then conv + BN + ReLU that is the identity (`insert_conv`), then that
convolution, and what must have its width, made twice as wide (`widen`). What a later stage loses in
places it gains in features, as networks made by hand have it: a layer of its width costs as many
multiply-accumulates as one in front of it. Only the pooling changes the function.

Source: the rule is that of Simonyan & Zisserman (2015), VGG, and He et al. (2016), ResNet; the
parts are named in their own files.
"""

import numpy as np

from prune_mi.graph.edit import insert_after
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit
from prune_mi.graph.widths import width_groups
from prune_mi.morphisms.insert_pool import pooled
from prune_mi.morphisms.insertion import (
    InsertionBehind,
    identity_conv,
    num_channels,
    rectified_images,
)
from prune_mi.morphisms.widen import widened

_SIZE, _TIMES = 3, 2
_LEAST_SIZE = 8  # of the larger image: on fewer pixels more features only cost weights


class InsertStage(InsertionBehind):
    """Begins a stage behind a channels-last image tensor that is never negative."""

    name = "insert-stage"
    keeps_function = False

    def tensors(self, graph: LayerGraph) -> list[TensorRef] | NotApplicable:
        """See `InsertionBehind`."""
        images = rectified_images(graph)
        if isinstance(images, NotApplicable):
            return images
        return [ref for ref in images if _is_large(graph, ref)] or NotApplicable(
            f"no stage can begin behind any of {len(images)} images: none is known to have "
            f"{_LEAST_SIZE} rows and columns"
        )

    def edit(
        self, graph: LayerGraph, rng: np.random.Generator, *, ref: TensorRef
    ) -> Edit | NotApplicable:
        """See `InsertionBehind`."""
        channels = num_channels(graph, ref)
        smaller = pooled(graph, ref)
        if isinstance(smaller, NotApplicable):
            return smaller
        small, pool = smaller
        layers = identity_conv(small, "stage", size=_SIZE, channels=channels)
        deep, conv = insert_after(small, pool, layers), layers[0].name
        together = next((each for each in width_groups(deep) if conv in each.producers), None)
        if together is None:
            return NotApplicable("what reads it cannot become wider")
        staged = widened(deep, together, times=_TIMES, rng=rng)
        if isinstance(staged, NotApplicable):
            return staged
        return Edit(staged, f"{channels} to {_TIMES * channels} channels at half the size")


def _is_large(graph: LayerGraph, ref: TensorRef) -> bool:
    return all((size or 0) >= _LEAST_SIZE for size in graph.spec(ref).shape[1:-1])
