"""What a model takes, as far as data must know."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One input of a model.

    Attributes:
        name: Of its input layer.
        shape: Without the batch axis; None matches any size.
    """

    name: str
    shape: tuple[int | None, ...]


def shape_text(shape: tuple[int | None, ...]) -> str:
    """`(any, any, 3)`."""
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def shape_matches(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a sample's shape is one that a model takes; None matches any size."""
    return len(shape) == len(wanted) and all(
        size in (None, actual) for actual, size in zip(shape, wanted, strict=True)
    )


def fitting_shape(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> tuple[int, ...] | None:
    """A sample's shape as a model takes it; None where it does not.

    A channel axis of size 1 is added or dropped where only that keeps a sample from fitting.
    """
    shorter = [shape[:-1]] if shape and shape[-1] == 1 else []
    tried = [shape, (*shape, 1), *shorter]
    return next((each for each in tried if shape_matches(each, wanted)), None)
