"""One recipe of training for children, the winner and the control, and what it has shown."""

from dataclasses import dataclass, replace

from prune_mi.config import OptimizeSettings
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, Outcome, TrainTask
from prune_mi.search.candidate import Candidate
from prune_mi.stages.prepare import Subject

_RATE_PER_DAMAGE = 4e-3
_LOWEST_RATE = 2e-4
_HIGHEST_RATE = 3e-3


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """What trainings on one worker have shown so far: MACs of steps a second, and the rest."""

    macs_per_second: float
    overhead_seconds: float

    def images_per_second(self, macs: int) -> float:
        """Expected speed of a network of so many MACs."""
        return self.macs_per_second / max(macs, 1)


def training_task(
    child: Candidate,
    subject: Subject,
    settings: OptimizeSettings,
    *,
    num_images: int,
    seconds: float | None,
    damage: float | None = None,
) -> TrainTask:
    """The training of a child, the winner or the control: one recipe for all.

    Without a learning rate in the settings it goes by `damage`, the accuracy that the child's
    deletions cost before training: a network hardly hurt must not be thrown out of its optimum, one
    badly hurt has much to learn. (ResNet-8 without a block, at 0.15: 3e-3 beat 1e-3. ResNet-56
    without five, at 0.87: 3e-4 beat 1e-3 by more than a point.)
    """
    recipe = settings.training
    if damage is None:
        damage = subject.val_accuracy - (child.screened_accuracy or 0.0)
    automatic = min(max(_RATE_PER_DAMAGE * damage, _LOWEST_RATE), _HIGHEST_RATE)
    return TrainTask(
        name=child.name,
        graph=child.graph,
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
    )


def measured_speed(
    child: Candidate, outcome: Outcome, before: TrainingSpeed | None
) -> TrainingSpeed | None:
    """Speed after one more training; the slowest seen counts, so that plans hold."""
    if isinstance(outcome, FailedEvaluation) or outcome.images_per_second <= 0:
        return before
    speed = outcome.images_per_second * child.cost.macs
    overhead = outcome.overhead_seconds
    if before is None:
        return TrainingSpeed(speed, overhead)
    return TrainingSpeed(min(speed, before.macs_per_second), max(overhead, before.overhead_seconds))
