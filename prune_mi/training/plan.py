"""How a network is to be trained; plain data, since what plans trainings imports no Keras."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how fast to train.

    Attributes:
        num_images: Images to see, repeats counted.
        seconds: Wall-clock bound, or None. The schedule follows whichever of images and time is
            further on, so that the learning rate has reached its floor when time is up.
        batch_size: Images a step.
        learning_rate: Peak of the cosine.
        optimizer: `adam`, or `sgd` with Nesterov momentum 0.9.
        cycles: Cosines, all of one length, each from the peak down to the floor.
        distillation, temperature: See `DistillationLoss`.
        from_logits: Whether the model yields logits.
        seed: Orders and augments the images.
        other_outputs: See `DistillationLoss`.
    """

    num_images: int
    seconds: float | None
    batch_size: int
    learning_rate: float
    distillation: float
    temperature: float
    from_logits: bool
    seed: int
    other_outputs: tuple[int, ...] = ()
    optimizer: str = "adam"
    cycles: int = 1
