"""One recipe of training for children, the winner and the control, and what it has shown."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from prune_mi.config import RunSettings
from prune_mi.execution.tasks import Evaluated, TrainTask
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.profile import Profile
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.tasks import agreement
from prune_mi.training.plan import TrainingPlan

_SHARE_PER_DAMAGE = 0.12  # of the kernels' root mean square, as are the next two
_LOWEST_SHARE = 2e-3
_HIGHEST_SHARE = 3e-2
_USUAL_SIZE = 0.1
_LEAST_SIZE = 1e-3
_SHORT_STEPS = 1600
_MOST_BY_LENGTH = 3.0
_EPOCHS_TO_SHIFT, _EPOCHS_TO_SHIFT_DISTILLED = 8, 40
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
            # Neither cost is negative, however other work on the machine has varied the times.
            design = np.stack([np.ones(len(sizes)), sizes / sizes.max()], axis=1)
            (fixed, slope), _ = nnls(design, seconds)
            return float(1 / (fixed + slope * macs / sizes.max()))
        ratio = macs / sizes.mean()
        return float(1 / (seconds.max() * (ratio if ratio > 1 else 0.5 + 0.5 * ratio)))


def training_task(
    child: Screened,
    profile: Profile,
    settings: RunSettings,
    *,
    num_images: int,
    num_train_images: int,
    seconds: float | None,
    damage: float,
    seconds_in_all: float | None = None,
    expected_images: int | None = None,
    repeats: int = 0,
) -> TrainTask:
    """The training of a child, the winner or the control: one recipe for all.

    Of an augmentation found by itself, shifts are left out of trainings of under eight epochs, of
    under forty with distillation, unless the original was trained with them. (ResNet-8 distilled
    with flips, and with flips and shifts, one seed: without its first branch 64,000 images 0.853
    and 0.846, 192,000 images 0.872 and 0.866; narrowed to 0.63 of its MACs 500,000 images 0.869 and
    0.860. What is distilled are answers to images as they are; `tests/benchmarks/recipes.py`.)

    Args:
        child: The network.
        profile: How images are varied for it.
        settings: The run's settings.
        num_images: Images that it sees at most.
        num_train_images: Images that there are.
        seconds: Wall clock at most from now on, or None.
        damage: Accuracy that was lost before training; see `automatic_rate`.
        seconds_in_all: The same with what it took before the run was interrupted.
        expected_images: That it will see where a clock ends it before it has seen all.
        repeats: How many trainings of the search have begun with these weights; with another
            number, images come in another order.
    """
    recipe = settings.training
    if profile.judge.task.name == agreement.NAME:
        recipe = recipe.model_copy(update={"distillation": 1.0})  # all there is to learn from
    augmentation = profile.augmentation
    length = num_images if expected_images is None else expected_images
    epochs = _EPOCHS_TO_SHIFT_DISTILLED if recipe.distillation else _EPOCHS_TO_SHIFT
    short = length < epochs * num_train_images
    if recipe.augmentation == "auto" and short and not profile.calibration.max_shift:
        augmentation = replace(augmentation, max_shift=0)
    plan = TrainingPlan(
        num_images=num_images,
        seconds=seconds,
        learning_rate=recipe.learning_rate
        or automatic_rate(child.graph, damage, num_steps=length / recipe.batch_size),
        seed=settings.seed + child.own_images + repeats,
        loss=profile.loss,
        recipe=recipe,
        seconds_in_all=seconds_in_all,
    )
    return TrainTask(child.name, child.graph, plan, augmentation, child.fresh)


def damage_of(child: Screened, baseline: Baseline) -> float:
    """Accuracy that a child's changes cost before training; none where they kept its function."""
    if child.screened_quality is None:
        return 0.0
    return baseline.start.quality - child.screened_quality


def automatic_rate(graph: LayerGraph, damage: float, *, num_steps: float) -> float:
    """Peak learning rate of Muon or Adam: by what there is to learn, the weights' size, the length.

    A network hardly hurt must not be thrown out of its optimum, one badly hurt has much to learn.
    Their steps are of the learning rate's own size whatever the gradient, so the same rate moves
    the small weights of a deep network by a greater share. A long training has the time to settle
    from a high one: it rises with the root of the steps beyond those of a short training. (Adam,
    ResNet-8, kernels of 0.1 by root mean square, without a block, damage 0.15: 3e-3 beat 1e-3.
    ResNet-56, kernels of 0.03, without seven blocks, damage 0.05: 1.3e-4 won back more than 3.8e-4,
    and 1e-3 lost. Muon, ResNet-8 narrowed to 0.63 of its MACs, damage 0.1, one seed: 100,000 images
    5e-4, 1e-3 and 3e-3 0.854, 0.859 and 0.856; 300,000 images 1e-3 and 2e-3 0.865 and 0.867, where
    Adam came to 0.863. Narrowed to half, damage 0.15, 500,000 images in 7,800 steps, on validation:
    1e-3, 2e-3, 4e-3, 6e-3 and 12e-3 0.857, 0.859, 0.862, 0.864 and 0.857.)

    Args:
        graph: The network.
        damage: Accuracy lost before training, a fraction.
        num_steps: That the training will take.
    """
    kernels = [
        float(np.sqrt(np.mean(np.square(weight, dtype=np.float64))))
        for layer in graph.layers.values()
        for weight, name in zip(layer.weights, layer.weight_names, strict=True)
        if name.endswith("kernel")
    ]
    size = float(np.median(kernels)) if kernels else _USUAL_SIZE
    share = min(max(_SHARE_PER_DAMAGE * damage, _LOWEST_SHARE), _HIGHEST_SHARE)
    by_length = min(math.sqrt(max(1.0, num_steps / _SHORT_STEPS)), _MOST_BY_LENGTH)
    return share * max(size, _LEAST_SIZE) * by_length


def after_training(child: Screened, outcome: Evaluated) -> Trained:
    """The candidate with its new weights, accuracy and images."""
    return child.trained(
        outcome.quality,
        outcome.scores,
        graph=outcome.graph,
        images=outcome.images_trained,
        seconds=outcome.seconds,
    )


def kept(child: Screened, done: Trained) -> Trained:
    """A candidate after a training, or with the weights from before if that made it worse."""
    if isinstance(child, Trained) and done.quality < child.quality:
        return replace(child, seconds=done.seconds)
    return done


def measured_speed(
    child: Proposed, outcome: Evaluated, before: TrainingSpeed | None
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
