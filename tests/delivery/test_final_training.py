"""The final training: what a small loss on validation images counts for, and what has no time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from prune_mi.config import make_search_settings
from prune_mi.costs.catalog import cost_kind
from prune_mi.costs.objective import Objective, Target
from prune_mi.data import AugmentationPolicy
from prune_mi.delivery.final_training import chosen_again
from prune_mi.delivery.member_training import train_members
from prune_mi.delivery.trainings import Finalists, few_images, finally_trained, too_late
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.evolution.strategy import Evolved
from prune_mi.execution.tasks import Evaluated, TrainTask
from prune_mi.records import Cost, SilentObserver
from prune_mi.runs.log import EventLog
from prune_mi.runs.notes import NoteTaker
from prune_mi.search.candidate import Trained
from prune_mi.search.selection import standard_error
from prune_mi.training.plan import LossPlan
from tests.candidates import trained
from tests.graph_builder import chain
from tests.judges import of_classes

pytestmark = pytest.mark.slow

BEFORE = trained("g1c1", 0.9, cost=Cost(1, 1, 1))


def _done(quality: float) -> Evaluated:
    scores = np.ones(1, dtype=bool)
    return Evaluated("g1c1", chain(), quality, scores, 50, 1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("after", "within", "kept"),
    [(0.9, 0.0, False), (0.899, 0.0, True), (0.899, 0.002, False), (0.897, 0.002, True)],
)
def test_old_weights_are_kept_where_more_was_lost_than_may_be(
    after: float, within: float, kept: bool
) -> None:
    notes = NoteTaker(SilentObserver())
    found = finally_trained(
        {"g1c1": BEFORE}, [_done(after)], notes, tolerated=lambda before, done: within
    )
    assert (found.after["g1c1"] is BEFORE) == kept
    assert len(notes.said) == kept
    assert found.after["g1c1"].quality == (0.9 if kept else after)
    assert found.seen == {"g1c1": 50}


@pytest.mark.parametrize("num", [20, 60, 337, 5000])
@pytest.mark.parametrize("share", [0.6, 0.98, 1.0])
def test_one_image_of_those_that_validate_is_within_the_error(num: int, share: float) -> None:
    right = round(share * num)
    assert standard_error(right / num, num) > 1 / num
    assert standard_error(right / num, num) < 4 / np.sqrt(num) * max(0.1, np.sqrt(1 - share))


class _Pool:
    """A pool whose trainings all end at one accuracy."""

    workers = 2

    def __init__(self, quality: float) -> None:
        self.quality = quality
        self.asked = 0

    def run(self, tasks: Sequence[TrainTask], *, too_late: str | None) -> Iterator[Evaluated]:
        self.too_late = too_late
        self.asked += len(tasks)
        return (replace(_done(self.quality), name=each.name) for each in tasks)


def _finally(
    elite: Trained, pool: _Pool, seconds: float | None = None, *, start: float = 0.5
) -> Trained:
    plain = AugmentationPolicy(flip=False, max_shift=0)
    profile = SimpleNamespace(
        calibration=plain,
        packing=SimpleNamespace(other_sizes=()),
        augmentation=plain,
        loss=LossPlan(),
        judge=of_classes(10),
    )
    given = trained("reference", start)
    baseline = SimpleNamespace(
        judge=of_classes(10),
        roles=SimpleNamespace(validation=np.arange(400)),
        images=SimpleNamespace(num_train=100),
        given=given,
        start=given,
    )
    evolved = Evolved(elite, profile, TrainingSpeed(((1, 0.01),), 3.0))  # type: ignore[arg-type]
    run = SimpleNamespace(
        settings=make_search_settings({"data": "digits"}),
        evaluations=pool,
        notes=SilentObserver(),
        log=EventLog(None, clock=lambda: 0.0),
        resumes=False,
    )
    return train_members(run, evolved, baseline, seconds=seconds).result  # type: ignore[arg-type]


def test_the_final_training_may_lose_what_is_within_the_error_but_not_the_lead() -> None:
    assert _finally(BEFORE, _Pool(0.89)).quality == 0.89  # of 400: 0.0154
    assert _finally(BEFORE, _Pool(0.88)) is BEFORE
    assert _finally(BEFORE, _Pool(0.89), start=0.89) is BEFORE
    assert _finally(BEFORE, _Pool(0.89), start=0.889).quality == 0.89


def test_without_the_time_for_a_step_nothing_is_trained() -> None:
    pool = _Pool(1.0)
    assert _finally(BEFORE, pool, 3.0) is BEFORE
    assert pool.asked == 0
    assert _finally(BEFORE, pool, 3.1).quality == 1.0


@pytest.mark.parametrize(
    ("resumes", "seconds", "is_late"),
    [(False, 0.0, False), (True, 0.0, True), (True, 1.0, False), (True, None, False)],
)
def test_a_run_that_goes_on_begins_no_training_in_no_time(
    resumes: bool, seconds: float | None, is_late: bool
) -> None:
    run: Any = SimpleNamespace(resumes=resumes)
    assert (too_late(run, seconds) is not None) == is_late


def test_a_training_of_less_than_one_pass_is_told() -> None:
    (told,) = few_images({"control": 64, "g1c1": 100}, 100)
    assert told.startswith("The final training of the control saw only 64 images, less than one")


def test_under_a_target_the_best_after_the_final_training_is_the_result() -> None:
    most = Target(cost_kind("macs"), 50.0)
    objective = Objective((cost_kind("macs"),), (most,))
    expected, better, worse, dear, missing = (
        trained(name, quality, cost=Cost(1, macs, 1), lineage=("removal",), margin=margin)
        for name, quality, macs, margin in [
            ("g1c1", 0.8, 40, 0.0),
            ("g1c2", 0.9, 50, 0.01),
            ("g1c3", 0.7, 30, 0.0),
            ("g1c4", 0.95, 51, 0.0),
            ("g1c5", 0.94, 40, 0.06),
        ]
    )
    given = Finalists(expected, points=(worse, better, dear, missing))
    found = chosen_again(given, floor=0.89, objective=objective)
    assert found.result is better
    assert found.points == (worse, dear, missing, expected)
    assert chosen_again(given, floor=0.9, objective=objective) is given
    start = trained("reference", 0.99, cost=Cost(1, 100, 1))
    missed = Finalists(start, closest=expected, points=(better,))
    found = chosen_again(missed, floor=0.89, objective=objective)
    assert found.result is better and found.points == () and found.closest is None
