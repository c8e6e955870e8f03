"""Reshaping that keeps channels: which axis they lie on afterwards, and the setting that says so.

Values lie in row-major order, so what comes before an axis and what comes behind it may be laid out
anew: channels of n values behind each of them keep their places on any axis of the same size with n
values behind it. (C,) becomes (1, 1, C) before a gate, (H, W, C) becomes (H W, C) before attention.
Where all of a sample is laid on one axis, each channel is there once for every position.
"""

import math

from prune_mi.graph.edit import with_settings
from prune_mi.graph.ir import LayerDef, Shape

_SETTINGS = ("target_shape", "newshape")  # of the layer, without the batch; of the operation, with


def kept_axis(shape: Shape, out: Shape, axis: int) -> int | None:
    """The axis of the output on which channels lie as they did on `axis`; None where on none."""
    behind = _size(shape[axis + 1 :])
    if behind is None or shape[axis] is None:
        return None
    places = range(len(out) - 1, 0, -1)
    return next(
        (at for at in places if out[at] == shape[axis] and _size(out[at + 1 :]) == behind), None
    )


def is_flattened(shape: Shape, out: Shape) -> bool:
    """Whether all of a sample, whose size is known, comes to lie on one axis."""
    return len(shape) > 1 and len(out) == 2 and out[1] is not None and out[1] == _size(shape[1:])


def says_size(layer: LayerDef, rank: int, axis: int) -> bool | None:
    """Whether the setting has the size of an axis of the output; None where there is no setting."""
    found = _entry(layer, rank, axis)
    return None if found is None else found[2][found[1]] != -1


def with_size(layer: LayerDef, rank: int, axis: int, size: int) -> LayerDef:
    """The layer with another size of an axis of the output."""
    found = _entry(layer, rank, axis)
    if found is None:
        return layer
    name, place, sizes = found
    changed = (*sizes[:place], size, *sizes[place + 1 :])
    return with_settings(layer, {name: changed})


def _entry(layer: LayerDef, rank: int, axis: int) -> tuple[str, int, tuple[int, ...]] | None:
    """The name of the setting, the place in it of an axis, and the setting."""
    for name in _SETTINGS:
        sizes = layer.config.get(name)
        if isinstance(sizes, int):
            sizes = (sizes,)
        if isinstance(sizes, list | tuple) and 0 <= rank - len(sizes) <= 1:
            return name, axis - (rank - len(sizes)), tuple(sizes)
    return None


def _size(axes: Shape) -> int | None:
    known = [axis for axis in axes if axis is not None]
    return math.prod(known) if len(known) == len(axes) else None
