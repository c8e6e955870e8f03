"""What is known of trained networks on the validation images, image by image."""

from dataclasses import dataclass

import numpy as np

from prune_mi.records.models import Cost


@dataclass(frozen=True, slots=True, eq=False)
class TrainedChild:
    """A trained network, without its weights.

    Attributes:
        name, cost: Its own.
        scores: bool or float32 `(n,)`, what each validation image scores.
    """

    name: str
    cost: Cost
    scores: np.ndarray


@dataclass(frozen=True, slots=True)
class StatisticsCandidate:
    """A network with some batch-norm statistics.

    Attributes:
        name: Such as `2,000 images, plain`, or `as saved`.
        num_images: Training images that the statistics are of; 0 of those as saved.
        val_metric: On validation images.
        gain: Against the statistics as saved, on the same images, a fraction.
        standard_error: Of the gain.
    """

    name: str
    num_images: int
    val_metric: float
    gain: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """Which batch-norm statistics the original starts with, and what was compared."""

    chosen: str
    candidates: tuple[StatisticsCandidate, ...]


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """The allowed drop, and what is known of it.

    Attributes:
        metric: What it is a drop of, in words.
        allowed: In the unit of the metric, as the other figures are; None: any.
        drop: Of the result against the model as given, on validation images; where its statistics
            do not fit, against the model with others.
        standard_error: Of that drop, image by image.
        bias: How much smaller the drop looks for having been chosen.
        kept_back: What selection left unused of the allowed drop for the result.
        confidence: As asked for, or None.
        probability: That the result stays within the allowed drop on as many images that no
            selection saw as there are; None where nothing smaller was chosen.
        num_validation, num_unseen: Images that selection saw, and that it did not see.
        counted_from: The metric that drops count from, on validation images.
    """

    metric: str
    allowed: float | None
    drop: float
    standard_error: float
    bias: float
    kept_back: float
    confidence: float | None
    probability: float | None
    num_validation: int
    num_unseen: int
    counted_from: float | None = None


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """One class, label or number on the test images that no selection saw.

    Attributes:
        name: The class.
        num_images: Of it.
        reference, result: What it scores: its accuracy, or what the task measures of it.
        low, high: Interval of the difference, image by image, at 95 % for all classes together.
        beyond: Whether it lies beyond the allowed drop.
    """

    name: str
    num_images: int
    reference: float
    result: float
    low: float
    high: float
    beyond: bool


@dataclass(frozen=True, slots=True)
class RecalibratedModel:
    """A model with some batch-norm statistics, measured.

    Attributes:
        statistics: Which, and what validation says of them.
        test_metric: Over test images that no selection saw.
        full_test_metric: Over the whole test set.
    """

    statistics: StatisticsCandidate
    test_metric: float
    full_test_metric: float


@dataclass(frozen=True, slots=True)
class Recalibration:
    """What `prune-mi recalibrate` found out.

    Attributes:
        validation: The split that validation images come from.
        metric: What they chose by.
        chosen: The name of the statistics that they chose.
        candidates: What was compared, those as saved first.
        file: What was written, or None where nothing was better.
        notes: What the user should know.
    """

    model: str
    data: str
    validation: str
    metric: str
    chosen: str
    candidates: tuple[RecalibratedModel, ...]
    file: str | None
    seconds: float
    seed: int
    notes: tuple[str, ...]
