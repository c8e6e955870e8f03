"""Batch-norm statistics tell whether a model was trained on shifted images."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config import OptimizeSettings, TrainingSettings
from prune_mi.data import AugmentationPolicy, fit_scaling
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.trace import trace_model
from prune_mi.records import SilentObserver
from prune_mi.repair.recalibrate import recalibrate, statistics_distance
from prune_mi.stages.augmentation import find_augmentation

pytestmark = pytest.mark.slow
IMAGES = np.random.default_rng(0).uniform(0.5, 1, (512, 16, 16, 1)).astype(np.float32)
LABELS = np.arange(512) % 3


def _network(policy: AugmentationPolicy) -> LayerGraph:
    """Its batch-norm statistics are those of images varied by a policy."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 1))
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, padding="same")(inputs))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    graph = trace_model(keras.Model(inputs, layers.Dense(3, activation="softmax")(x)))
    varied = policy.apply(IMAGES, rng=np.random.default_rng(1))
    return recalibrate(graph, np.split(varied, 4))


@pytest.mark.parametrize(
    "trained_with",
    [
        AugmentationPolicy(flip=False, max_shift=0),
        AugmentationPolicy(flip=False, max_shift=2, fill="zero"),
    ],
    ids=["plain", "shifted over zeros"],
)
def test_statistics_are_taken_from_images_like_the_originals(
    trained_with: AugmentationPolicy,
) -> None:
    graph = _network(trained_with)
    settings = OptimizeSettings(data="any", training=TrainingSettings(augmentation="shift"))
    scaling = fit_scaling("none", IMAGES)
    policy, calibration = find_augmentation(
        graph, IMAGES, LABELS, scaling, settings, SilentObserver(), num_classes=3
    )
    assert calibration == trained_with
    assert policy.max_shift == 2
    assert policy.fill == trained_with.fill


def test_the_distance_of_statistics() -> None:
    plain = _network(AugmentationPolicy(flip=False, max_shift=0))
    shifted = _network(AugmentationPolicy(flip=False, max_shift=2, fill="zero"))
    assert statistics_distance(plain, plain) == 0
    assert statistics_distance(plain, shifted) > 0.1
