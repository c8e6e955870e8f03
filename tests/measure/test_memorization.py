import numpy as np
import pytest

from prune_mi.measure.confidence import has_memorized_training


def _right(share: float, num: int) -> np.ndarray:
    return np.arange(num) < round(share * num)


@pytest.mark.parametrize(
    ("train", "num_train", "test", "num_test", "expected"),
    [
        (0.95, 2000, 0.92, 2000, True),  # z = 3.8
        (0.93, 2000, 0.92, 2000, False),  # z = 1.2
        (0.53, 1000, 0.48, 1000, False),  # z = 2.24
        (0.535, 1000, 0.48, 1000, True),  # z = 2.46
        (0.99, 20, 0.92, 20, False),  # few images prove little
        (0.92, 2000, 0.95, 2000, False),  # the other way round
        (0.9, 2000, 0.9, 2000, False),
        (1.0, 2000, 0.99, 2000, True),
    ],
)
def test_a_significant_gap_is_memory(
    train: float, num_train: int, test: float, num_test: int, expected: bool
) -> None:
    assert has_memorized_training(_right(train, num_train), _right(test, num_test)) is expected


def test_one_gap_becomes_significant_with_more_images() -> None:
    found = [
        has_memorized_training(_right(0.93, size), _right(0.92, size))
        for size in (1000, 5000, 10_000)
    ]
    assert found == [False, False, True]  # z = 0.85, 1.9, 2.7


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_without_any_spread_equals_are_no_gap(accuracy: float) -> None:
    assert has_memorized_training(_right(accuracy, 100), _right(accuracy, 50)) is False


@pytest.mark.parametrize(("gap", "expected"), [(0.02, False), (0.12, True), (-0.2, False)])
def test_scores_that_are_no_right_or_wrong_have_variances_of_their_own(
    gap: float, expected: bool
) -> None:
    rng = np.random.default_rng(0)
    known, new = rng.normal(0.5 + gap, 0.4, 1000), rng.normal(0.5, 0.4, 400)
    assert has_memorized_training(known.astype(np.float32), new.astype(np.float32)) is expected
