"""What is not begun any more when the time is over, and what it is gone on with."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prune_mi.config import TrainingSettings
from prune_mi.data import NOT_VARIED
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, Task, TrainTask
from prune_mi.records.events import Failed, Trained
from prune_mi.runs.log import EventLog, read_events
from prune_mi.runs.recorded import Evaluations
from prune_mi.runs.weights import Weights
from prune_mi.training.plan import TrainingPlan
from tests.graph_builder import chain


class _Pool:
    def run(self, tasks: Sequence[Task]) -> Iterator[Evaluated]:
        for task in tasks:
            yield Evaluated(task.name, task.graph, 0.5, np.ones(4, bool), 64, 2.0, 10.0, 1.0)


def test_too_late_nothing_is_begun_but_a_checkpoint_is_gone_on_with(tmp_path: Path) -> None:
    pool: Any = _Pool()
    log = EventLog(tmp_path / "events.jsonl", clock=lambda: 1.0)
    checkpoints = tmp_path / "checkpoints"
    evaluations = Evaluations(pool, log, Weights(tmp_path / "weights"), checkpoints)
    plan = TrainingPlan(64, 0.0, 0.1, 7, recipe=TrainingSettings())
    tasks = [TrainTask(name, chain(), plan, NOT_VARIED) for name in ("g1c1", "control")]
    checkpoints.mkdir()
    (checkpoints / "control-7.npz").touch()
    outcomes = list(evaluations.run(tasks, too_late="the time is over"))
    assert [(each.name, type(each)) for each in outcomes] == [
        ("g1c1", FailedEvaluation),
        ("control", Evaluated),
    ]
    told = [line.event for line in read_events(tmp_path / "events.jsonl")[0]]
    assert [type(each) for each in told] == [Failed, Trained]
    assert told[0] == Failed("g1c1", "trained", "the time is over", 0.0)
