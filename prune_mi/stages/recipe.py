"""One recipe of training for children, the winner and the control, and what it has shown."""

from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.execution.tasks import Evaluated, TrainTask
from prune_mi.search.candidate import Candidate
from prune_mi.stages.roles import Subject

_RATE_PER_DAMAGE = 8e-3
_EPOCHS_TO_SHIFT = 3
_LOWEST_RATE = 2e-4
_HIGHEST_RATE = 3e-3
_SIZE_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """What trainings on one worker have shown so far.

    Attributes:
        points: MACs of a network, and seconds that its steps took per image.
        overhead_seconds: The longest that one took beside its steps.
    """

    points: tuple[tuple[int, float], ...]
    overhead_seconds: float

    def images_per_second(self, macs: int) -> float:
        """Expected speed of a network of so many MACs: a cost per image and a cost per MAC.

        From networks of one size alone, a smaller one is expected to gain no more than half of what
        its MACs suggest, a larger one to lose all of it.
        """
        sizes = np.array([size for size, _ in self.points], dtype=float)
        seconds = np.array([each for _, each in self.points])
        if np.ptp(sizes) > _SIZE_SPREAD * sizes.max():
            slope, intercept = np.polyfit(sizes, seconds, 1)
            return float(1 / max(intercept + slope * macs, seconds.min() * _SIZE_SPREAD))
        ratio = macs / sizes.mean()
        return float(1 / (seconds.max() * (ratio if ratio > 1 else 0.5 + 0.5 * ratio)))


def training_task(
    child: Candidate,
    subject: Subject,
    settings: OptimizeSettings,
    *,
    num_images: int,
    num_train_images: int,
    seconds: float | None,
    damage: float | None = None,
) -> TrainTask:
    """The training of a child, the winner or the control: one recipe for all.

    Without a learning rate in the settings it goes by `damage`, the accuracy that the child's
    deletions cost before training: a network hardly hurt must not be thrown out of its optimum, one
    badly hurt has much to learn. (ResNet-8 without a block, at 0.15: 3e-3 beat 1e-3. ResNet-56
    without five, at 0.87: 3e-4 beat 1e-3 by more than a point.)

    Of an augmentation found by itself, shifts are left out of trainings of under three epochs, in
    which every image is nearly new anyway. (ResNet-8 without a block, 32,000 images, one seed:
    0.822 with flips and shifts, 0.832 with flips.)
    """
    recipe = settings.training
    if damage is None:
        damage = subject.val_accuracy - (child.screened_accuracy or 0.0)
    automatic = min(max(_RATE_PER_DAMAGE * damage, _LOWEST_RATE), _HIGHEST_RATE)
    augmentation = subject.augmentation
    if recipe.augmentation == "auto" and num_images < _EPOCHS_TO_SHIFT * num_train_images:
        augmentation = replace(augmentation, max_shift=0)
    return TrainTask(
        name=child.name,
        graph=child.graph,
        augmentation=augmentation,
        num_images=num_images,
        seconds=seconds,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate or automatic,
        distillation=recipe.distillation,
        temperature=recipe.temperature,
        from_logits=subject.from_logits,
        seed=settings.seed + child.own_images,
    )


def after_training(child: Candidate, outcome: Evaluated) -> Candidate:
    """The candidate with its new weights, accuracy and images."""
    return replace(
        child,
        graph=outcome.graph,
        accuracy=outcome.accuracy,
        images_trained=child.images_trained + outcome.images_trained,
        own_images=child.own_images + outcome.images_trained,
        seconds=child.seconds + outcome.seconds,
    )


def measured_speed(
    child: Candidate, outcome: Evaluated, before: TrainingSpeed | None
) -> TrainingSpeed | None:
    """Speed after one more training; one of a few steps says nothing."""
    if outcome.images_per_second <= 0:
        return before
    point = (child.cost.macs, 1 / outcome.images_per_second)
    if before is None:
        return TrainingSpeed((point,), outcome.overhead_seconds)
    return TrainingSpeed(
        (*before.points, point), max(outcome.overhead_seconds, before.overhead_seconds)
    )
