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
class ImageValues:
    """What a model says of one image, where that is not one class.

    Attributes:
        image: The file.
        values: By name: the probability of each label, each number, or the share of the pixels that
            are of each class.
        mask: The file that the class of each pixel was written to, or None.
    """

    image: str
    values: dict[str, float]
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """What `prune-mi predict` found out.

    Attributes:
        task: What the model is for.
        scaling: What was done to the pixels, in words.
        images: Those that could be read, in the order given.
        broken: Files that could not.
        notes: What the user should know.
    """

    model: str
    task: str
    scaling: str
    images: tuple[ImagePrediction | ImageValues, ...]
    broken: tuple[str, ...]
    notes: tuple[str, ...]
