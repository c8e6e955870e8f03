"""What is expected of a training's speed."""

import pytest

from prune_mi.stages.recipe import TrainingSpeed

pytestmark = pytest.mark.slow


def test_two_sizes_give_a_cost_per_image_and_a_cost_per_mac() -> None:
    speed = TrainingSpeed(((1000, 0.003), (2000, 0.005)), overhead_seconds=1.0)
    assert speed.images_per_second(4000) == pytest.approx(1 / 0.009)
    assert speed.images_per_second(500) == pytest.approx(1 / 0.002)


def test_from_one_size_alone_the_expectation_is_cautious() -> None:
    speed = TrainingSpeed(((1000, 0.002), (1000, 0.002)), overhead_seconds=1.0)
    assert speed.images_per_second(1000) == pytest.approx(500)
    assert speed.images_per_second(2000) == pytest.approx(250)
    assert speed.images_per_second(500) == pytest.approx(1 / 0.0015)


def test_a_noisy_fit_never_expects_the_absurd() -> None:
    speed = TrainingSpeed(((1000, 0.005), (2000, 0.002)), overhead_seconds=1.0)
    assert 0 < speed.images_per_second(10**9) <= 10 / 0.002
