import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.search.policy import Preferences

_VALUES = st.lists(st.floats(-50, 50), min_size=2, max_size=12)
_SHARES = st.floats(0, 0.95)


def _entropy(probabilities: np.ndarray) -> float:
    return float(-np.sum(probabilities * np.log(np.maximum(probabilities, 1e-300))))


@given(_VALUES, _SHARES, st.integers(0, 2**32 - 1), st.floats(-30, 30))
def test_the_entropy_never_falls_under_its_floor(
    values: list[float], share: float, seed: int, step: float
) -> None:
    preferences = Preferences(np.array(values), entropy_share=share)
    counts = np.random.default_rng(seed).integers(0, 3, len(values))
    for _ in range(3):
        probabilities = preferences.probabilities()
        assert probabilities.sum() == pytest.approx(1)
        assert _entropy(probabilities) >= share * np.log(len(values)) - 1e-6
        preferences.reinforce(counts, step)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=8), st.floats(-0.5, 0.5))
def test_a_step_follows_the_gradient_of_the_log_probability(
    values: list[float], step: float
) -> None:
    start = np.array(values)
    preferences = Preferences(start, entropy_share=0.0)
    counts = np.zeros(len(values))
    counts[0], counts[-1] = 2, 1

    def log_probability(at: np.ndarray) -> float:
        return float(counts @ (at - np.log(np.exp(at).sum())))

    width = 1e-6
    numeric = np.array(
        [
            (log_probability(start + width * unit) - log_probability(start - width * unit))
            / (2 * width)
            for unit in np.eye(len(values))
        ]
    )
    before = preferences.values
    preferences.reinforce(counts, step)
    np.testing.assert_allclose(preferences.values - before, step * numeric, atol=1e-6)


def test_what_is_within_the_floor_stays_as_it_is() -> None:
    weights = np.array([0.5, 0.3, 0.2])
    preferences = Preferences(np.log(weights), entropy_share=0.5)
    np.testing.assert_allclose(preferences.probabilities(), weights)


def test_shrinking_keeps_the_order() -> None:
    probabilities = Preferences(np.array([9.0, -4.0, 3.0]), entropy_share=0.8).probabilities()
    assert list(np.argsort(probabilities)) == [1, 2, 0]
    assert _entropy(probabilities) == pytest.approx(0.8 * np.log(3))
