"""Why an edit cannot be made: codes that can be counted, and words on the one at hand.

What stands in for a unit must have the shape that it yields, so most reasons are changes of shape.
"""

from dataclasses import dataclass
from typing import Literal

from prune_mi.graph.ir import LayerDef, Shape
from prune_mi.graph.traits import POOLINGS, RECURRENT, RESIZINGS, all_one, channel_axis

Cause = Literal[
    "channels",  # changes the number of channels of an image or a signal
    "values",  # changes the number of values, as dense and recurrent layers do
    "padding",  # changes the size of an image or the length of a signal: padding is 'valid'
    "strides",  # the same by strides
    "pooling",  # the same by pooling
    "size",  # the same in another way, or the size is not known
    "sequence",  # turns a sequence into one vector
    "words",  # turns numbers that are names into vectors
    "shape",  # changes the shape in another way
    "dtype",  # changes the type of the numbers
    "output",  # yields the model's output
    "protected",  # the user protects it
    "kept",  # prune-mi protects it: other outputs or inputs need it
    "with_protected",  # goes only with a layer that is protected
    "joins",  # several tensors come together in it, or leave it
    "readers",  # what reads it, or what is joined with it, cannot do without
]
_SIZES: dict[int, str] = {3: "length", 4: "image", 5: "volume"}


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """An edit that cannot be made here.

    Attributes:
        reason: Why, as the end of a sentence.
        causes: What it comes to, of a fixed list, where that is counted; several where each alone
            would be enough.
    """

    reason: str
    causes: tuple[Cause, ...] = ()


OUTPUT = NotApplicable("yields the model's output", ("output",))


def change_of_shape(layer: LayerDef, before: Shape, after: Shape) -> NotApplicable:
    """What a layer makes of its input's shape.

    Args:
        layer: The layer that changes it.
        before: The shape of what it reads, batch included.
        after: The shape of what it yields; equal where a size is unknown and may change.
    """
    if len(before) != len(after):
        return _other_rank(layer, before, after)
    rank = len(before)
    axis = channel_axis(layer, rank) if _of_channels(layer) else rank - 1
    causes: list[Cause] = []
    parts = []
    if before[axis] != after[axis]:
        what: Cause = "channels" if _of_channels(layer) else "values"
        causes.append(what)
        parts.append(f"the {what} from {before[axis]} to {after[axis]}")
    old, new = (show_sizes(_without(each, axis)) for each in (before, after))
    if old != new or not causes:
        cause, how = _cause_of_size(layer)
        causes.append(cause)
        size = _SIZES.get(rank, "input")
        parts.append(f"the {size} from {old} to {new}{how}" if old != new else f"the size{how}")
    return NotApplicable(f"changes {' and '.join(parts)}", tuple(causes))


def show_sizes(sizes: Shape) -> str:
    """`32x32x16`."""
    return "x".join("?" if axis is None else str(axis) for axis in sizes) or "a scalar"


def _other_rank(layer: LayerDef, before: Shape, after: Shape) -> NotApplicable:
    shapes = f"from {show_sizes(before[1:])} to {show_sizes(after[1:])}"
    if layer.class_name in RECURRENT:
        return NotApplicable(f"turns a sequence into one vector, {shapes}", ("sequence",))
    if layer.class_name == "Embedding":
        return NotApplicable(f"turns each number into a vector, {shapes}", ("words",))
    return NotApplicable(f"changes the shape {shapes}", ("shape",))


def _of_channels(layer: LayerDef) -> bool:
    kind = layer.class_name
    return "Conv" in kind or kind in POOLINGS | RESIZINGS


def _cause_of_size(layer: LayerDef) -> tuple[Cause, str]:
    kind, config = layer.class_name, layer.config
    if kind in POOLINGS:
        return "pooling", " (pooling)"
    if not all_one(config.get("strides") or 1):
        return "strides", " (strides)"
    return ("padding", " (valid padding)") if config.get("padding") == "valid" else ("size", "")


def _without(shape: Shape, axis: int) -> Shape:
    """The sizes of a shape without the batch and the channels."""
    return tuple(size for place, size in enumerate(shape) if place not in (0, axis))
