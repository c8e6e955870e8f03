import pytest

from prune_mi.measure.confidence import has_memorized_training


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
    assert has_memorized_training(train, num_train, test, num_test) is expected


def test_one_gap_becomes_significant_with_more_images() -> None:
    found = [has_memorized_training(0.93, size, 0.92, size) for size in (1000, 5000, 10_000)]
    assert found == [False, False, True]  # z = 0.85, 1.9, 2.7


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_without_any_spread_equals_are_no_gap(accuracy: float) -> None:
    assert has_memorized_training(accuracy, 100, accuracy, 50) is False
