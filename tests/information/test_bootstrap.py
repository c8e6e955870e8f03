import numpy as np
import pytest

from prune_mi.information.criterion import (
    NUM_DRAWS,
    even_and_drawn,
    interval,
    probability_among_least,
)


def _draws_of_means(samples: np.ndarray, *, seed: int) -> np.ndarray:
    return samples @ even_and_drawn(samples.shape[1], seed=seed)[1:].T


def test_weights_are_draws_with_replacement() -> None:
    even, *drawn = even_and_drawn(50, seed=0)
    np.testing.assert_array_equal(even, 1 / 50)
    weights = np.stack(drawn)
    assert weights.shape == (NUM_DRAWS, 50)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights * 50, np.round(weights * 50), atol=1e-12)
    assert (weights == 0).any(axis=1).all()
    np.testing.assert_array_equal(weights, even_and_drawn(50, seed=0)[1:])
    assert not np.array_equal(weights, even_and_drawn(50, seed=1)[1:])


def test_the_spread_of_draws_is_the_standard_error(rng: np.random.Generator) -> None:
    samples = rng.normal(scale=[[1.0], [3.0]], size=(2, 400))
    draws = _draws_of_means(samples, seed=0)
    np.testing.assert_allclose(draws.std(axis=1), samples.std(axis=1) / 20, rtol=0.12)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        samples = np.random.default_rng(seed).exponential(size=(1, 100))
        low, high = interval(_draws_of_means(samples, seed=seed))
        covered += bool(low[0] <= 1.0 <= high[0])
    assert 0.9 <= covered / 200 <= 0.98


def test_what_units_have_in_common_cancels(rng: np.random.Generator) -> None:
    common = rng.normal(scale=100, size=200)
    draws = _draws_of_means(np.stack([common, common + 0.1]), seed=0)
    np.testing.assert_allclose(probability_among_least(draws, 1), [1, 0])


@pytest.mark.parametrize("ties", [False, True])
def test_probabilities_sum_to_the_count(rng: np.random.Generator, ties: bool) -> None:
    draws = rng.normal(size=(6, 100))
    if ties:
        draws = np.round(draws)
    before = np.zeros(6)
    for count in range(7):
        found = probability_among_least(draws, count)
        assert found.sum() == pytest.approx(count)
        assert (found >= before).all()
        before = found
    np.testing.assert_array_equal(before, 1)
