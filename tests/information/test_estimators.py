import warnings

import numpy as np
import pytest
from prune_mi.information.estimators import (
    Estimator,
    KMeansEstimator,
    PaperEstimator,
    make_estimator,
)

from prune_mi.config import RankingSettings

NUM_CLASSES = 3
LABELS = np.arange(240) % NUM_CLASSES
ESTIMATORS = [KMeansEstimator(3 * NUM_CLASSES), PaperEstimator(NUM_CLASSES)]
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=["kmeans", "paper"])


def _features(separation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian clouds around the corners of a triangle."""
    noise = rng.standard_normal((len(LABELS), NUM_CLASSES))
    return (separation * np.eye(NUM_CLASSES)[LABELS] + noise).astype(np.float32)


@each_estimator
@pytest.mark.parametrize("seed", range(3))
def test_the_better_separated_says_more(estimator: Estimator, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = [
        estimator.estimate(_features(separation, rng), LABELS, seed=seed)
        for separation in (0.0, 2.0, 4.0, 20.0)
    ]
    assert bits == sorted(bits)
    assert bits[0] < 0.15
    assert bits[1] > bits[0] + 0.1
    assert bits[2] > bits[1] + 0.1


@each_estimator
def test_separate_classes_say_all_there_is_to_say(estimator: Estimator) -> None:
    rng = np.random.default_rng(0)
    bits = estimator.estimate(_features(1000.0, rng), LABELS, seed=0)
    most = np.log2(NUM_CLASSES)
    # One start of as many clusters as classes may find two classes in one.
    assert bits == pytest.approx(most) or isinstance(estimator, PaperEstimator)
    assert bits > most / 2


@each_estimator
def test_constant_features_say_nothing_and_do_not_warn(estimator: Estimator) -> None:
    for value in (0.0, 3.0):
        features = np.full((len(LABELS), 4), value, np.float32)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bits = estimator.estimate(features, LABELS, seed=0)
        assert bits == pytest.approx(0, abs=1e-9)
        assert caught == []


@each_estimator
def test_fewer_samples_than_clusters(estimator: Estimator) -> None:
    features = np.array([[0.0], [9.0]], np.float32)
    assert estimator.estimate(features, np.array([0, 1]), seed=0) == pytest.approx(1.0)


@each_estimator
def test_the_seed_decides_and_the_input_stays(estimator: Estimator) -> None:
    features = _features(1.0, np.random.default_rng(0))
    before = features.copy()
    bits = [estimator.estimate(features, LABELS, seed=seed) for seed in (0, 0, 1, 2)]
    assert bits[0] == bits[1]
    assert len(set(bits)) > 1
    np.testing.assert_array_equal(features, before)


def test_kmeans_ignores_the_scale_of_a_channel_and_dead_channels(rng: np.random.Generator) -> None:
    features = _features(6.0, rng)
    loud = np.concatenate([features, 1000 * rng.standard_normal((len(LABELS), 1))], axis=1)
    dead = np.concatenate([features, np.full((len(LABELS), 5), 2.5)], axis=1)
    kmeans, paper = ESTIMATORS
    plain = kmeans.estimate(features, LABELS, seed=0)
    assert plain > 1.2
    assert kmeans.estimate(dead, LABELS, seed=0) == pytest.approx(plain, abs=0.05)
    assert kmeans.estimate(loud, LABELS, seed=0) > 0.8
    assert paper.estimate(loud, LABELS, seed=0) < 0.2


def test_more_clusters_than_classes_hear_more(rng: np.random.Generator) -> None:
    # Two clouds a class, far apart: as many clusters as classes must lump some.
    centres = np.array([[0, 0], [10, 10], [0, 10], [10, 0]]) * 2.0
    which = np.arange(400) % 4
    labels = which // 2  # exclusive or
    features = centres[which] + rng.standard_normal((400, 2))
    assert KMeansEstimator(4).estimate(features, labels, seed=0) == pytest.approx(1.0, abs=0.01)
    assert KMeansEstimator(2).estimate(features, labels, seed=0) < 0.1


def test_settings_name_the_estimator(rng: np.random.Generator) -> None:
    features = _features(1.0, rng)

    def bits(estimator: Estimator) -> float:
        return estimator.estimate(features, LABELS, seed=0)

    default = make_estimator(RankingSettings(), num_classes=NUM_CLASSES)
    assert default.reduction == "pool"
    assert bits(default) == bits(KMeansEstimator(9))
    named = make_estimator(RankingSettings(num_clusters=5), num_classes=NUM_CLASSES)
    assert bits(named) == bits(KMeansEstimator(5)) != bits(default)
    paper = make_estimator(RankingSettings(estimator="paper"), num_classes=NUM_CLASSES)
    assert paper.reduction == "project"
    assert bits(paper) == bits(PaperEstimator(NUM_CLASSES))
