"""Drops of metrics that are no means of samples: as wide as the bootstrap says."""

import numpy as np
import pytest

from prune_mi.measure.limit import paired_drop
from tests.tasks.answers import answered

_DRAWS = 600


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("regression", "r2"),
        ("counts", "d2"),
        ("multi-label", "macro-f1"),
        ("segmentation", "mean-iou"),
    ],
)
def test_the_error_of_a_drop_is_that_of_the_bootstrap(task: str, metric: str) -> None:
    found = answered(task, metric, num=400)
    judge, truth = found.judge, found.truth
    before, after = (judge.scores(each, truth) for each in (found.first, found.second))
    drop = paired_drop(before, after, judge.weights(truth))
    first, second = (judge.compact(each) for each in (found.first, found.second))
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(_DRAWS):
        rows = rng.integers(len(truth), size=len(truth))
        one, other = (judge.measured(each[rows], truth[rows]) for each in (first, second))
        drawn.append(one - other)
    assert drop.value == pytest.approx(
        judge.measured(first, truth) - judge.measured(second, truth), abs=1e-5
    )
    assert drop.standard_error == pytest.approx(np.std(drawn), rel=0.2)
    assert np.mean(drawn) == pytest.approx(drop.value, abs=drop.standard_error)


def test_equal_answers_lose_nothing_but_not_for_certain() -> None:
    found = answered("regression", "r2")
    scores = found.judge.scores(found.first, found.truth)
    drop = paired_drop(scores, scores, found.judge.weights(found.truth))
    assert drop.value == 0 and 0 < drop.standard_error < 1e-3
