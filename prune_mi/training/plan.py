"""How a network is to be trained; plain data, since what plans trainings imports no Keras."""

from dataclasses import dataclass, field

from prune_mi.config import TrainingSettings


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
        num_images: Images to see, repeats counted.
        seconds: Wall-clock bound from now on, or None. The schedule follows whichever of images and
            time is further on, so that the learning rate has reached its floor when time is up.
        seconds_in_all: The same of what interrupted processes have spent on it and this one.
        learning_rate: Peak of the cosine.
        from_logits: Whether the model yields logits.
        seed: Orders and augments the images.
        other_outputs: See `DistillationLoss`.
        recipe: What the user may set of the steps and the loss.
    """

    num_images: int
    seconds: float | None
    learning_rate: float
    from_logits: bool
    seed: int
    other_outputs: tuple[int, ...] = ()
    recipe: TrainingSettings = field(default_factory=TrainingSettings)
    seconds_in_all: float | None = None

    def seconds_left(self, spent: float) -> float | None:
        """Wall-clock bound where interrupted processes have spent so much; None: there is none."""
        bounds = [] if self.seconds is None else [self.seconds]
        if self.seconds_in_all is not None:
            bounds.append(max(0.0, self.seconds_in_all - spent))
        return min(bounds, default=None)
