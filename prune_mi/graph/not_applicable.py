"""What an edit says where it cannot be made."""

from dataclasses import dataclass
from typing import Literal

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
