"""The final training of a model that may fail: what is handed out if it does."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from prune_mi.config import make_settings
from prune_mi.costs.objective import named_objective
from prune_mi.data import AugmentationPolicy
from prune_mi.delivery.final_training import FinalTraining
from prune_mi.delivery.trainings import Finalists
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.evolution.strategy import Evolved
from prune_mi.execution.tasks import Evaluated, TrainTask
from prune_mi.records import Cost, SilentObserver
from prune_mi.runs.log import EventLog
from prune_mi.training.plan import LossPlan
from tests.candidates import trained
from tests.judges import of_classes

pytestmark = pytest.mark.slow

START = trained("reference", 0.9, cost=Cost(100, 100, 4))
ELITE = trained("g1c1", 0.89, cost=Cost(60, 60, 3), lineage=("removal",))
PROMISING = trained("g1c2", 0.87, cost=Cost(30, 30, 2), lineage=("removal",) * 2)


class _Pool:
    """A pool whose trainings end as is said."""

    workers = 2

    def __init__(self, at_once: int, **qualities: float) -> None:
        self.at_once = at_once
        self.qualities = qualities
        self.asked: list[str] = []

    def run(self, tasks: Sequence[TrainTask], *, too_late: str | None) -> Iterator[Evaluated]:
        self.asked += [each.name for each in tasks]
        for each in tasks:
            quality = self.qualities[each.name]
            yield Evaluated(each.name, each.graph, quality, np.ones(1), 50, 1.0, 0.0, 1.0)


def _finally(pool: _Pool, *, seconds: float | None) -> Finalists:
    plain = AugmentationPolicy(flip=False, max_shift=0)
    profile: Any = SimpleNamespace(
        calibration=plain,
        packing=SimpleNamespace(other_sizes=()),
        augmentation=plain,
        loss=LossPlan(),
        judge=of_classes(10),
    )
    baseline: Any = SimpleNamespace(
        judge=of_classes(10),
        profile=profile,
        roles=SimpleNamespace(validation=np.arange(400)),
        images=SimpleNamespace(num_train=40),
        images_per_second=1000.0,
        given=START,
        start=START,
        judged_by=START,
    )
    evolved = Evolved(
        ELITE,
        profile,
        TrainingSpeed(((1, 0.01),), 3.0),
        promising=PROMISING,
        frontier=(START, ELITE, PROMISING),
    )
    run: Any = SimpleNamespace(
        settings=make_settings({"data": "digits", "control": False, "final_epochs": 2}),
        evaluations=pool,
        notes=SilentObserver(),
        log=EventLog(None, clock=lambda: 0.0),
        resumes=False,
    )
    allowed: Any = SimpleNamespace(limit=0.02, with_margin=lambda each, bias: each)
    training = FinalTraining(
        run, evolved, baseline, allowed=allowed, objective=named_objective("macs"), control=None
    )
    return training.run(seconds)


@pytest.mark.parametrize("seconds", [60.0, None])
def test_the_winner_is_trained_where_the_promising_model_fails(seconds: float | None) -> None:
    pool = _Pool(2, g1c1=0.9, g1c2=0.879)
    found = _finally(pool, seconds=seconds)
    assert pool.asked == ["g1c2", "g1c1"]
    assert (found.result.name, found.result.quality) == ("g1c1", 0.9)
    assert found.missed is not None and found.missed.quality == 0.879
    assert found.points == ()


def test_one_worker_has_no_time_for_both() -> None:
    pool = _Pool(1, g1c1=0.9, g1c2=0.879)
    found = _finally(pool, seconds=60.0)
    assert pool.asked == ["g1c2"]
    assert found.result is ELITE
    assert found.missed is not None and found.missed.quality == 0.879


def test_the_promising_model_is_the_result_where_it_holds() -> None:
    for at_once in (1, 2):
        found = _finally(_Pool(at_once, g1c1=0.9, g1c2=0.885), seconds=60.0)
        assert (found.result.name, found.result.quality) == ("g1c2", 0.885)
        assert found.missed is None and found.points == ()
