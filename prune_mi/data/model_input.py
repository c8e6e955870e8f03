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
