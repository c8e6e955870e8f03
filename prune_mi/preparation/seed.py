"""The seed network for a data set: its ends from the data, its rescaling fitted to them."""

import numpy as np

from prune_mi.data import Dataset, InputScaling, fit_scaling
from prune_mi.graph.construction.seed import Affine, Head, Rescaling, seed_graph
from prune_mi.graph.ir import LayerGraph


def seed_for(
    data: Dataset,
    *,
    rng: np.random.Generator,
    width: int = 16,
    head: Head = "flatten",
    hidden: int | None = None,
    batch_norm: bool = False,
) -> LayerGraph:
    """Makes the seed that takes a data set's raw samples.

    Images are brought to 0..1 by the range of their pixels, features of vectors to mean 0 and
    deviation 1 over the training samples, each by itself.

    Args:
        data: As `load_data_for_search` returns it.
        rng: Draws the weights.
        width: Filters, or units, of the first layer; as the following, see `seed_graph`.
        head: How images become a vector.
        hidden: Units of a hidden dense layer, or None.
        batch_norm: Whether one stands in front of the first ReLU.

    Raises:
        ConfigError: As `seed_graph` does.
    """
    scaling = fit_scaling("unit" if len(data.image_shape) == 3 else "standardize", data.x_train)
    return seed_graph(
        data.image_shape,
        data.num_classes,
        rng=rng,
        width=width,
        head=head,
        hidden=hidden,
        batch_norm=batch_norm,
        rescaling=rescaling_of(scaling),
    )


def rescaling_of(scaling: InputScaling) -> Rescaling:
    """A scaling as a layer does it: (x - offset) / scale is x / scale - offset / scale."""
    scale = np.asarray(1.0 if scaling.scale is None else scaling.scale, dtype=np.float64)
    offset = np.asarray(0.0 if scaling.offset is None else scaling.offset, dtype=np.float64)
    return Rescaling(_affine(np.asarray(1 / scale)), _affine(np.asarray((0 - offset) / scale)))


def _affine(values: np.ndarray) -> Affine:
    return float(values) if values.ndim == 0 else tuple(map(float, values))
