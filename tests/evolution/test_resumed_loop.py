"""Searches on a made-up landscape that are cut off and go on, as they were or otherwise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.config import make_search_settings, make_settings
from prune_mi.errors import RunFolderError
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.strategy import Evolved
from prune_mi.records import UnfinishedReport, events
from prune_mi.records.generations import generations_of
from prune_mi.report.from_events import report_of
from prune_mi.report.progress import RunState
from prune_mi.runs.log import read_events
from prune_mi.runs.run import Run
from prune_mi.search.racing import Rung
from tests.graph_builder import chain
from tests.landscape import (
    BEGAN,
    EVENTS,
    GROW,
    PRUNE,
    WAYS,
    Landscape,
    made_up_baseline,
    pruned,
    run_on,
)


def _said(run: Run[Any]) -> list[events.Event]:
    """What a run has come to: outcomes come in any order, and a clock runs as it will."""
    clocked = events.Resumed | events.Decided
    return sorted((each for each in run.log.events if not isinstance(each, clocked)), key=repr)


@pytest.mark.parametrize(
    "way", [*sorted(WAYS.keys() - {"plans"}), pytest.param("plans", marks=pytest.mark.thorough)]
)
def test_wherever_it_is_cut_off_it_comes_to_the_same(way: str, tmp_path: Path) -> None:
    evolve, settings = WAYS[way]
    (tmp_path / "whole").mkdir()
    whole = run_on(tmp_path / "whole", Landscape(), settings)
    expected = evolve(whole)
    asked = len(whole.pool.asked)  # type: ignore[attr-defined]
    for ends_after in range(0, asked, max(1, asked // 4)):
        folder = tmp_path / str(ends_after)
        folder.mkdir()
        with pytest.raises(KeyboardInterrupt):
            evolve(run_on(folder, Landscape(ends_after=ends_after), settings))
        lines, _ = read_events(folder / EVENTS)
        again = run_on(folder, Landscape(), settings)
        again.replay(lines, events.Resumed(len(lines)), total=None)
        found = evolve(again)
        assert _said(again) == _said(whole)
        assert found.elite.name == expected.elite.name
        assert found.elite.lineage == expected.elite.lineage
        assert [each.name for each in found.runners_up] == [e.name for e in expected.runners_up]
        assert [each.name for each in found.frontier] == [each.name for each in expected.frontier]
        for one, other in zip(
            found.elite.graph.layers.values(), expected.elite.graph.layers.values(), strict=True
        ):
            for weight, same in zip(one.weights, other.weights, strict=True):
                np.testing.assert_array_equal(weight, same)
        done = len(again.pool.asked)  # type: ignore[attr-defined]
        assert 0 <= done - (asked - ends_after) < 3  # at most a ranking of some is made twice


@pytest.mark.parametrize(
    ("before", "after", "workers"),
    [(200.0, 200.0, 7), (200.0, 2000.0, 2), (None, 200.0, 2), (200.0, None, 2)],
)
@pytest.mark.parametrize("way", ["plans", "default"])
def test_what_was_decided_holds_with_another_budget_and_other_workers(
    way: str, before: float | None, after: float | None, workers: int, tmp_path: Path
) -> None:
    evolve = WAYS[way][0]
    many = {"data": "digits", "generations": 3, "budget": before}
    if way == "plans":
        settings, asked = make_settings({**many, "max_accuracy_drop": 0.1}), 70 if before else 60
    else:
        settings, asked = make_search_settings({**GROW, "budget": before}), 20
    with pytest.raises(KeyboardInterrupt):
        evolve(run_on(tmp_path, Landscape(ends_after=asked), settings))
    lines, _ = read_events(tmp_path / EVENTS)
    assert sum(isinstance(line.event, events.GenerationEnded) for line in lines) > 0
    changes = {} if before == after else {"budget": after}
    run = run_on(tmp_path, Landscape(workers=workers), settings)
    run.budget.total = after
    run.replay(lines, events.Resumed(len(lines), changes), total=before)
    evolve(run)  # refused where anything comes out otherwise than written
    assert run.budget.total == run.settings.budget == after
    assert isinstance(run.log.events[-1], events.SearchEnded)


def test_another_run_cannot_go_on_from_these_events(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pruned(run_on(tmp_path, Landscape(ends_after=9), PRUNE))
    lines, _ = read_events(tmp_path / EVENTS)
    other = run_on(tmp_path, Landscape(), PRUNE.model_copy(update={"seed": 5}))
    other.replay(lines, events.Resumed(len(lines)), total=None)
    with pytest.raises(RunFolderError, match=r"cannot go on: event \d+ was Proposed g1c"):
        pruned(other)


def _goes_on(
    folder: Path, settings: Any, safe: list[str] | None = None, **changes: Any
) -> tuple[Run[Any], Evolved]:
    """A search that has ended, with some settings changed."""
    pruned(run_on(folder, Landscape(), settings))
    lines, _ = read_events(folder / EVENTS)
    kinds = [type(line.event) for line in lines]
    behind = len(kinds) - kinds[::-1].index(events.GenerationEnded)
    run = run_on(folder, Landscape(), settings)
    run.replay(lines, events.Resumed(behind, changes), total=None)
    return run, pruned(run, safe)


def test_more_generations_go_on_where_it_ended(tmp_path: Path) -> None:
    few = PRUNE.model_copy(update={"generations": 1})
    (tmp_path / "whole").mkdir()
    whole = run_on(tmp_path / "whole", Landscape(), PRUNE)
    expected = pruned(whole)
    run, found = _goes_on(tmp_path, few, generations=3)
    assert found.elite.name == expected.elite.name
    assert generations_of(run.log.events) == generations_of(whole.log.events)


def test_a_tighter_limit_goes_back_to_what_is_within_it(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    before = pruned(run_on(tmp_path / "before", Landscape(), PRUNE))
    assert before.elite.quality < 0.895
    safe: list[str] = []
    run, found = _goes_on(tmp_path, PRUNE, safe, max_accuracy_drop=0.005)
    assert found.elite.quality >= 0.895
    assert found.allowed is not None and found.allowed.limit == 0.005
    assert run.settings.max_accuracy_drop == 0.005
    (limited,) = (each for each in run.log.events if isinstance(each, events.Limited))
    assert limited.limit == 0.005 and safe[0] == limited.elite != before.elite.name
    told = [BEGAN, *run.log.events[: run.log.events.index(limited) + 1]]
    state, report = RunState(0.0), report_of(told)
    for event in told:
        state.hear(event)
    assert isinstance(report, UnfinishedReport)
    for best in (report.best, state.best):
        assert ("reference" if best is None else best.name) == limited.elite


def test_a_wider_limit_takes_the_cheapest_of_all_that_was_trained(tmp_path: Path) -> None:
    tight = PRUNE.model_copy(update={"max_accuracy_drop": 0.002})
    run, found = _goes_on(tmp_path, tight, max_accuracy_drop=0.1)
    (limited,) = (each for each in run.log.events if isinstance(each, events.Limited))
    before = run.log.events[: run.log.events.index(limited)]
    trained = {each.name for each in before if isinstance(each, events.Trained)}
    macs = {each.name: each.cost.macs for each in before if isinstance(each, events.Proposed)}
    best = [each.elite for each in before if isinstance(each, events.GenerationEnded)][-1]
    assert macs[limited.elite] == min(macs[name] for name in trained)
    assert best == "reference" or macs[limited.elite] < macs[best]
    assert found.elite.cost.macs <= macs[limited.elite]


@pytest.mark.parametrize(("left", "seconds"), [(100.0, 10.0), (6.0, 2.0), (-5.0, 0.0)])
def test_a_rung_gone_on_with_takes_no_more_than_is_left(
    tmp_path: Path, left: float, seconds: float
) -> None:
    pool, baseline = Landscape(), made_up_baseline(chain())
    run = run_on(tmp_path, pool, PRUNE)
    rungs = [Rung(2, 0.5, 10.0), Rung(1, 0.5, 20.0)]
    for before, is_other in ((None, False), (object(), False), (object(), True)):
        run._before = before  # type: ignore[assignment]
        run.gets_another_budget = is_other
        evaluator = Evaluator(run, baseline, left=lambda: left)
        evaluator.train([baseline.given], rungs[0], rungs[1:])
    began, again, otherwise = pool.plans
    assert began.seconds == began.seconds_in_all == again.seconds_in_all == 10.0
    assert again.seconds == pytest.approx(seconds)
    assert otherwise.seconds == 10.0  # there will be more time than it seems
