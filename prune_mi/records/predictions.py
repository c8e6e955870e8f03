"""What a model sees in images."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """What a model sees in one image; probabilities are in [0, 1].

    Attributes:
        image: The file.
        class_name, probability: The likeliest class.
        next_class, next_probability: The one behind it.
    """

    image: str
    class_name: str
    probability: float
    next_class: str
    next_probability: float


@dataclass(frozen=True, slots=True)
class Predictions:
    """What `prune-mi predict` found out.

    Attributes:
        scaling: What was done to the pixels, in words.
        images: Those that could be read, in the order given.
        broken: Files that could not.
        notes: What the user should know.
    """

    model: str
    scaling: str
    images: tuple[ImagePrediction, ...]
    broken: tuple[str, ...]
    notes: tuple[str, ...]
