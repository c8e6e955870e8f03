"""Digits to train on, and plans of trainings, for tests."""

from typing import Any

from prune_mi.config import TrainingSettings
from prune_mi.data import AugmentationPolicy, fit_scaling, load_dataset
from prune_mi.tasks.targets import packed_targets
from prune_mi.training.feed import TrainingImages
from prune_mi.training.plan import TrainingPlan
from tests.judges import of_classes


def digits(augmentation: AugmentationPolicy) -> TrainingImages:
    """All training images of digits with their labels; there is no teacher."""
    data, judge = load_dataset("digits"), of_classes(10)
    return TrainingImages(
        images=data.x_train,
        targets=packed_targets(judge.task, judge.head, data.y_train),
        scaling=fit_scaling("unit", data.x_train),
        augmentation=augmentation,
    )


def plan(num_images: int, **changes: Any) -> TrainingPlan:
    """Labels alone, 32 images a step; `changes` are of the plan, or of the settings in it."""
    values = {"seconds": None, "learning_rate": 5e-3, "seed": 0}
    recipe = {"batch_size": 32, "distillation": 0.0}
    for name in changes.keys() & TrainingSettings.model_fields.keys() - {"learning_rate"}:
        recipe[name] = changes.pop(name)
    settings = TrainingSettings(**recipe)
    return TrainingPlan(num_images=num_images, recipe=settings, **{**values, **changes})
