"""What the end of a search takes: more images, larger networks and ensembles take longer."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.evolution.timing import search_closing_seconds
from prune_mi.records import Cost
from prune_mi.search.candidate import Proposed
from tests.candidates import proposed

SMALL = proposed("small", cost=Cost(1, 1000, 1))
LARGE = replace(SMALL, name="large", cost=Cost(1, 4000, 1))
SPEED = TrainingSpeed(((1000, 0.001), (4000, 0.004)), 1.0)  # seconds an image


def _seconds(
    *members: Proposed, num: int = 10_000, speed: TrainingSpeed | None = SPEED, known: bool = True
) -> float:
    outputs = np.zeros((10, 2)) if known else None
    baseline = SimpleNamespace(test_outputs=outputs, images_per_second=1000.0)
    return search_closing_seconds(
        members,
        SMALL,
        baseline,  # type: ignore[arg-type]
        num_images=num,
        speed=speed,
        workers=2,
    )


def test_asking_is_twice_as_fast_as_training_and_shared_by_the_workers() -> None:
    assert _seconds(SMALL) - _seconds(SMALL, num=0) == pytest.approx(10_000 * 0.001 / 4)
    assert _seconds(LARGE) - _seconds(LARGE, num=0) == pytest.approx(10_000 * 0.004 / 4)


def test_a_seed_is_asked_too_and_the_members_of_an_ensemble_twice() -> None:
    one = 10_000 * 0.001 / 4
    assert _seconds(SMALL, known=False) - _seconds(SMALL, num=0, known=False) == pytest.approx(
        2 * one
    )
    assert _seconds(SMALL, SMALL) - _seconds(SMALL, SMALL, num=0) == pytest.approx(5 * one)


def test_before_any_training_it_goes_by_how_fast_the_start_was() -> None:
    alike, larger = _seconds(SMALL, speed=None), _seconds(LARGE, speed=None)
    assert alike - _seconds(SMALL, speed=None, num=0) == pytest.approx(10)
    assert larger - _seconds(LARGE, speed=None, num=0) == pytest.approx(40)
