"""Batch-norm statistics tell whether a model was trained on shifted images."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config import OptimizeSettings
from prune_mi.config.settings import TrainingSettings
from prune_mi.data import AugmentationPolicy, fit_scaling
from prune_mi.graph.interface.packing import pack
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.preparation.augmentation import find_augmentation
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.recognised_augmentation import recognised_augmentation
from prune_mi.records import SilentObserver
from prune_mi.repair.recalibrate import recalibrate, statistics_distance
from prune_mi.training.plan import LossPlan
from tests.judges import of_classes

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
        graph, IMAGES, LABELS, scaling, settings, SilentObserver(), judge=of_classes(3)
    )
    assert calibration == trained_with
    assert policy.max_shift == 2
    assert policy.fill == trained_with.fill


def test_the_distance_of_statistics() -> None:
    plain = _network(AugmentationPolicy(flip=False, max_shift=0))
    shifted = _network(AugmentationPolicy(flip=False, max_shift=2, fill="zero"))
    assert statistics_distance(plain, plain) == 0
    assert statistics_distance(plain, shifted) > 0.1


NONE = AugmentationPolicy(False, 0)


def _recognised(
    graph: LayerGraph, images: np.ndarray, labels: np.ndarray, *, so_far: AugmentationPolicy
) -> AugmentationPolicy:
    profile = Profile(
        packing=pack(graph),
        judge=of_classes(graph.spec(graph.outputs[0]).shape[-1] or 0),
        loss=LossPlan(),
        others=(),
        scaling=fit_scaling("none", images),
        augmentation=so_far,
        calibration=NONE,
    )
    store = SimpleNamespace(get={"val_images": images, "val_truth": labels}.__getitem__)
    return recognised_augmentation(graph, store, len(images), profile)  # type: ignore[arg-type]


class TestWhatAYoungNetworkSeesThrough:
    """Bars at the left or at the right edge: a mirror makes one class of the other."""

    @staticmethod
    def _bars(columns: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        labels = rng.integers(len(columns), size=300)
        images = rng.uniform(0, 0.2, (300, 16, 16, 1)).astype(np.float32)
        for image, label in zip(images, labels, strict=True):
            image[:, columns[label]] = 1
        return images, labels

    @staticmethod
    def _knows_columns(weights: np.ndarray) -> LayerGraph:
        """A class for each row of `weights`, which weighs the columns' brightness."""
        inputs = keras.Input((16, 16, 1))
        x = layers.Flatten()(inputs)
        dense = layers.Dense(len(weights), activation="softmax")
        model = keras.Model(inputs, dense(x))
        kernel = np.repeat(weights[None], 16, axis=0).transpose(0, 2, 1).reshape(256, -1)
        dense.set_weights([kernel.astype(np.float32), np.zeros(len(weights), np.float32)])
        return trace_model(model)

    def _found(
        self,
        columns: tuple[int, ...],
        weights: np.ndarray,
        so_far: AugmentationPolicy = NONE,
    ) -> AugmentationPolicy:
        return _recognised(self._knows_columns(weights), *self._bars(columns), so_far=so_far)

    def test_a_mirror_that_swaps_classes_is_left_out(self) -> None:
        left_or_right = np.where(np.arange(16) < 8, 1.0, -1.0)
        found = self._found((3, 12), np.stack([left_or_right, -left_or_right]))
        assert not found.flip
        assert found.max_shift > 0

    def test_a_mirror_that_keeps_classes_is_taken(self) -> None:
        middle = np.where(np.abs(np.arange(16) - 7.5) < 4, 1.0, -1.0)
        found = self._found((7, 1), np.stack([middle, -middle]))
        assert found.flip

    def test_a_network_that_knows_nothing_says_nothing(self) -> None:
        assert self._found((3, 12), np.zeros((2, 16))).name == "none"
        so_far = AugmentationPolicy(True, 2)
        assert self._found((3, 12), np.zeros((2, 16)), so_far) == so_far

    def test_what_was_found_before_goes_for_more_than_a_little(self) -> None:
        """A fifth of one class lies where a mirror makes the other one of it."""
        images, labels = self._bars((7, 1))
        moved = np.flatnonzero(labels == 1)[::5]
        images[moved] = np.roll(images[moved], 2, axis=2)
        middle = np.where(np.isin(np.arange(16), range(5, 13)), 1.0, -1.0)
        for so_far, flips in ((False, False), (True, True)):
            graph = self._knows_columns(np.stack([middle, -middle]))
            found = _recognised(graph, images, labels, so_far=AugmentationPolicy(so_far, 0))
            assert found.flip == flips
