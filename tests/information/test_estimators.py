"""What each estimator finds in features of known separability; no Keras is needed."""

import warnings

import numpy as np
import pytest

from prune_mi.config import RankingSettings
from prune_mi.information.criteria.kmeans import CRITERION as kmeans
from prune_mi.information.criteria.paper import CRITERION as paper
from prune_mi.information.criteria.probe import CRITERION as probe
from prune_mi.information.criteria.soft import CRITERION as soft
from prune_mi.information.estimator import (
    EstimatorCriterion,
    InformationEstimate,
    PointwiseInformation,
)
from prune_mi.information.mutual_information import ClusterInformation

NUM_CLASSES = 3
LABELS = np.arange(240) % NUM_CLASSES
ESTIMATORS = {"kmeans": kmeans, "paper": paper, "soft": soft, "probe": probe}
each_estimator = pytest.mark.parametrize("criterion", ESTIMATORS.values(), ids=ESTIMATORS)
each_clustering = pytest.mark.parametrize(
    "criterion", [kmeans, paper, soft], ids=["kmeans", "paper", "soft"]
)


def _estimate(
    criterion: EstimatorCriterion,
    features: np.ndarray,
    labels: np.ndarray = LABELS,
    *,
    seed: int = 0,
    num_clusters: int | None = None,
) -> InformationEstimate:
    settings = RankingSettings(num_clusters=num_clusters)
    clusters = criterion.num_clusters(settings, int(labels.max()) + 1)
    return criterion.estimator(features, labels, clusters, seed)


def _bits(
    criterion: EstimatorCriterion,
    features: np.ndarray,
    labels: np.ndarray = LABELS,
    *,
    seed: int = 0,
    num_clusters: int | None = None,
) -> float:
    found = _estimate(criterion, features, labels, seed=seed, num_clusters=num_clusters)
    return float(found.bits(np.full((1, len(labels)), 1 / len(labels)))[0])


def _features(separation: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian clouds around the corners of a triangle."""
    noise = rng.standard_normal((len(LABELS), NUM_CLASSES))
    return (separation * np.eye(NUM_CLASSES)[LABELS] + noise).astype(np.float32)


@each_estimator
@pytest.mark.parametrize("seed", range(3))
def test_the_better_separated_says_more(criterion: EstimatorCriterion, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = [_bits(criterion, _features(apart, rng), seed=seed) for apart in (0.0, 2.0, 4.0, 20.0)]
    assert bits == sorted(bits)
    assert bits[0] < 0.15
    assert bits[1] > bits[0] + 0.1
    assert bits[2] > bits[1] + 0.1


@each_estimator
def test_separate_classes_say_all_there_is_to_say(
    criterion: EstimatorCriterion, rng: np.random.Generator
) -> None:
    bits = _bits(criterion, _features(1000.0, rng))
    most = np.log2(NUM_CLASSES)
    # One start of as many clusters as classes may find two classes in one; a linear probe with a
    # penalty on its weights is never quite sure.
    assert (
        bits == pytest.approx(most, abs=0.2 if criterion is probe else 1e-6) or criterion is paper
    )
    assert most / 2 < bits <= most + 1e-9


@each_estimator
def test_constant_features_say_nothing_and_do_not_warn(criterion: EstimatorCriterion) -> None:
    for value in (0.0, 3.0):
        features = np.full((len(LABELS), 4), value, np.float32)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bits = _bits(criterion, features)
        assert bits == pytest.approx(0, abs=1e-4)
        assert caught == []


@each_clustering
def test_fewer_samples_than_clusters(criterion: EstimatorCriterion) -> None:
    features = np.array([[0.0], [9.0]], np.float32)
    assert _bits(criterion, features, np.array([0, 1])) == pytest.approx(1.0)


def test_probes_bear_classes_that_no_other_sample_has() -> None:
    features = np.array([[0.0], [9.0]], np.float32)
    assert _bits(probe, features, np.array([0, 1])) < 0
    rare = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 4])
    assert np.isfinite(_bits(probe, np.arange(10.0)[:, None], rare))


@each_estimator
def test_the_seed_decides_and_the_input_stays(criterion: EstimatorCriterion) -> None:
    features = _features(1.0, np.random.default_rng(0))
    before = features.copy()
    bits = [_bits(criterion, features, seed=seed) for seed in (0, 0, 1, 2)]
    assert bits[0] == bits[1]
    assert len(set(bits)) > 1
    np.testing.assert_array_equal(features, before)


@pytest.mark.parametrize("criterion", [kmeans, soft, probe], ids=["kmeans", "soft", "probe"])
def test_pooled_ones_ignore_the_scale_of_a_channel_and_dead_channels(
    criterion: EstimatorCriterion, rng: np.random.Generator
) -> None:
    features = _features(6.0, rng)
    loud = np.concatenate([features, 1000 * rng.standard_normal((len(LABELS), 1))], axis=1)
    dead = np.concatenate([features, np.full((len(LABELS), 5), 2.5)], axis=1)
    plain = _bits(criterion, features)
    assert plain > 1.2
    assert _bits(criterion, dead) == pytest.approx(plain, abs=0.05)
    assert _bits(criterion, loud) > 0.8
    assert _bits(paper, loud) < 0.2


@each_estimator
def test_wide_features(criterion: EstimatorCriterion, rng: np.random.Generator) -> None:
    wide = np.concatenate([np.repeat(_features(6.0, rng), 100, axis=1)] * 2, axis=1)
    assert _bits(criterion, wide) > 0.9


def test_more_clusters_than_classes_hear_more(rng: np.random.Generator) -> None:
    # Two clouds a class, far apart: as many clusters as classes must lump some.
    centres = np.array([[0, 0], [10, 10], [0, 10], [10, 0]]) * 2.0
    which = np.arange(400) % 4
    labels = which // 2  # exclusive or
    features = centres[which] + rng.standard_normal((400, 2))
    for criterion in (kmeans, soft):
        assert _bits(criterion, features, labels, num_clusters=4) == pytest.approx(1.0, abs=0.01)
        assert _bits(criterion, features, labels, num_clusters=2) < (
            0.1 if criterion is kmeans else 0.4
        )
    assert _bits(probe, features, labels) < 0.1  # no line tells them apart


def test_settings_say_how_many_clusters(rng: np.random.Generator) -> None:
    features = _features(1.0, rng)
    for criterion in (kmeans, soft):
        assert _bits(criterion, features) == _bits(criterion, features, num_clusters=9)
        assert _bits(criterion, features, num_clusters=5) != _bits(criterion, features)
    assert _bits(paper, features) == _bits(paper, features, num_clusters=5)


def test_soft_clusters_are_soft_where_clouds_overlap(rng: np.random.Generator) -> None:
    near, far = (_estimate(soft, _features(apart, rng)) for apart in (1.0, 1000.0))
    assert isinstance(near, ClusterInformation) and isinstance(far, ClusterInformation)
    np.testing.assert_allclose(near.assigned.sum(axis=1), 1)
    assert near.assigned.max(axis=1).mean() < 0.95


def test_no_probe_is_asked_about_samples_that_it_was_fitted_on(rng: np.random.Generator) -> None:
    # Noise as wide as there are samples could be learnt by heart.
    noise = rng.standard_normal((240, 300))
    assert -1 < _bits(probe, noise) < 0.05


def test_corrected_scores_of_nothing_are_none(rng: np.random.Generator) -> None:
    even = np.full((1, len(LABELS)), 1 / len(LABELS))
    for criterion in (kmeans, soft):
        says_nothing = _estimate(criterion, _features(0.0, rng))
        assert says_nothing.bits(even)[0] > 0.02
        assert says_nothing.corrected_bits(0) == pytest.approx(0, abs=0.03)
    samples = np.array([0.5, -1.0, 2.0])
    assert PointwiseInformation(samples).corrected_bits(0) == pytest.approx(0.5)


@each_estimator
def test_weightings_are_other_samples(
    criterion: EstimatorCriterion, rng: np.random.Generator
) -> None:
    estimate = _estimate(criterion, _features(2.0, rng))
    weights = np.zeros((2, len(LABELS)))
    weights[0] = 1 / len(LABELS)
    weights[1, LABELS == 0] = 1 / (LABELS == 0).sum()  # of one class alone nothing can be learnt
    whole, alone = estimate.bits(weights)
    assert whole > 0.2
    assert criterion is probe or alone == pytest.approx(0, abs=1e-9)
