"""How a network is to be trained; plain data, since what plans trainings imports no Keras."""

from dataclasses import dataclass, field
from typing import Any

from prune_mi.config import TrainingSettings
from prune_mi.tasks.task import Loss


@dataclass(frozen=True, slots=True)
class OwnLoss:
    """A loss that the model was compiled with and that is the user's own.

    Attributes:
        config: As the model's file has it; see `keras_io.saving.compiling`.
        one_hot: Of classes, whether it takes one-hot rows; else their numbers.
        unit: How the judged output is read where it is one unit of two classes, or None.
        scale: What it is multiplied by, so that it is as large as the task's own loss at chance.
    """

    config: Any
    one_hot: bool
    unit: str | None
    scale: float


@dataclass(frozen=True, slots=True)
class LossPlan:
    """What a training minimises.

    Attributes:
        kind: By what the labels are; see `training.terms`.
        from_logits: Whether the judged output yields logits.
        other_outputs: Columns of each output beside the judged one.
        variance: Of each number that is foretold, over the training samples.
        class_weights: What each class, or label, counts; empty where all count alike.
        weighted: Whether targets have a last channel with what each sample weighs.
        own: The user's own loss in place of the task's, or None.
    """

    kind: Loss = "classes"
    from_logits: bool = False
    other_outputs: tuple[int, ...] = ()
    variance: tuple[float, ...] = ()
    class_weights: tuple[float, ...] = ()
    weighted: bool = False
    own: OwnLoss | None = None


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how fast to train, and what for.

    Attributes:
        num_images: Images to see, repeats counted.
        seconds: Wall-clock bound from now on, or None. The schedule follows whichever of images and
            time is further on, so that the learning rate has reached its floor when time is up.
        seconds_in_all: The same of what interrupted processes have spent on it and this one.
        learning_rate: Peak of the cosine.
        seed: Orders and augments the images.
        loss: What is learned.
        recipe: What the user may set of the steps and the loss.
    """

    num_images: int
    seconds: float | None
    learning_rate: float
    seed: int
    loss: LossPlan = field(default_factory=LossPlan)
    recipe: TrainingSettings = field(default_factory=TrainingSettings)
    seconds_in_all: float | None = None

    def seconds_left(self, spent: float) -> float | None:
        """Wall-clock bound where interrupted processes have spent so much; None: there is none."""
        bounds = [] if self.seconds is None else [self.seconds]
        if self.seconds_in_all is not None:
            bounds.append(max(0.0, self.seconds_in_all - spent))
        return min(bounds, default=None)
