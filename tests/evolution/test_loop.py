"""The loop on a made-up landscape, without Keras: unbroken, and cut off behind any event."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from prune_mi.config import make_search_settings, make_settings
from prune_mi.data import NOT_VARIED, AugmentationPolicy, Dataset, fit_scaling
from prune_mi.errors import RunFolderError
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.grow import Growing
from prune_mi.evolution.limits import allowed_drop
from prune_mi.evolution.loop import Evolution
from prune_mi.evolution.prune import Pruning
from prune_mi.evolution.race_plan import RacePlan
from prune_mi.evolution.strategy import Evolved
from prune_mi.evolution.timing import plan_time
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, Ranked, ScreenTask
from prune_mi.graph.channels.width_groups import widths
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import with_weights
from prune_mi.graph.interface.packing import pack
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.baseline import Baseline, Images
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.roles import Roles
from prune_mi.records import SilentObserver, UnfinishedReport, events
from prune_mi.records.generations import generations_of
from prune_mi.report.from_events import report_of
from prune_mi.report.progress import RunState
from prune_mi.runs.log import EventLog, read_events
from prune_mi.runs.notes import NoteTaker
from prune_mi.runs.recorded import Evaluations
from prune_mi.runs.run import Run
from prune_mi.runs.weights import Weights
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import reference
from prune_mi.search.racing import Rung
from prune_mi.training.plan import LossPlan
from tests.graph_builder import chain, residual_tower
from tests.judges import of_classes
from tests.told import started

NUM = 200
LABELS = np.arange(NUM) % 4
EVENTS = "events.jsonl"
BEGAN = started(data="digits", objective="macs")


class Landscape:
    """A pool whose outcomes follow from what is asked; it may end at an outcome, as a crash does.

    Outcomes come backwards, as they may. Of networks that are trained some fail, and of those that
    are trained again some become worse, and some fail then.
    """

    def __init__(self, *, ends_after: int | None = None, workers: int = 2) -> None:
        self.left = ends_after
        self.workers = self.at_once = workers
        self.asked: list[str] = []
        self.fallen: list[str] = []
        self.store = None

    def run(self, tasks: Sequence[Any]) -> Iterator[Evaluated | FailedEvaluation]:
        for task in reversed(tasks):
            self._one(task.name)
            digest = int(task.graph.structural_hash()[:8], 16)
            screens = isinstance(task, ScreenTask)
            again = not screens and task.plan.seed > 0
            if not screens and digest % 5 <= int(again):
                self.fallen.append(task.name)
                yield FailedEvaluation(task.name, "it fell over", 1.0)
                continue
            size = graph_cost(task.graph).num_params
            images = 0 if screens else task.plan.num_images
            right = round(NUM * (0.9 - 0.4 / size - 0.05 * screens - (digest % 7) / 200))
            worse = again and digest % 2
            scores = np.arange(NUM) < min(NUM, right + images % 3 - 6 * worse)
            graph = _moved(task.graph, float(scores.mean()))
            rate = 0.0 if screens else 100.0
            quality = float(scores.mean())
            yield Evaluated(task.name, graph, quality, scores, images, 2.0, rate, 1.0)

    def rank(self, tasks: Sequence[Any]) -> list[Ranked]:
        for task in tasks:
            self._one(task.name)
        return [
            Ranked(
                task.name,
                tuple(graph_cost(task.graph).macs % (7 + place) / 10 for place in sites),
                (0.1,) * len(sites),
                "share",
                _channels(task.graph) if task.channels else {},
            )
            for task in tasks
            for sites in [range(len(task.sites))]
        ]

    def call(self, function: Callable[..., Any], *args: Any) -> AugmentationPolicy:
        return AugmentationPolicy(flip=True, max_shift=0)

    def _one(self, name: str) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1
        self.asked.append(name)


def _channels(graph: LayerGraph) -> dict[str, tuple[float, ...]]:
    """What each channel is said to add, by the layers that make them."""
    made = widths(graph).made.items()
    return {name: tuple((7.0 * each % 5 + 1) / 50 for each in own) for name, own in made}


def _moved(graph: LayerGraph, by: float) -> LayerGraph:
    """The graph with other weights, in arrays of its own."""
    weights = {
        name: tuple(np.asarray(each + by, each.dtype) for each in layer.weights)
        for name, layer in graph.layers.items()
        if layer.weights
    }
    return with_weights(graph, weights)


def _baseline(graph: LayerGraph) -> Baseline:
    pixels = np.zeros((NUM, 8, 8, 3), np.float32)
    data = Dataset(pixels, LABELS, pixels, LABELS, None, None, (), "made up", ())
    everyone = np.arange(NUM)
    roles = Roles(everyone, everyone, everyone, "train", "")
    profile = Profile(
        packing=pack(graph),
        judge=of_classes(4),
        loss=LossPlan(),
        others=(),
        scaling=fit_scaling("none", pixels),
        augmentation=NOT_VARIED,
        calibration=NOT_VARIED,
    )
    given = reference(graph, 0.9, np.arange(NUM) < 180)
    images = Images(roles, LABELS, None, LABELS, everyone, NUM)
    return Baseline(profile, data, images, given, given, None, 100.0)


def _run(folder: Path, pool: Landscape, settings: Any) -> Run[Any]:
    budget = Budget(settings.budget, started=0.0, clock=partial(next, count(0.0, 0.01)))
    log = EventLog(folder / EVENTS, clock=lambda: 1.0)
    evaluations = Evaluations(pool, log, Weights(folder / "weights"), None)  # type: ignore[arg-type]
    where = SimpleNamespace(path=folder)
    notes = NoteTaker(SilentObserver())
    notes.write_to(log)
    return Run(settings, where, pool, evaluations, budget, notes, log)  # type: ignore[arg-type]


def _pruned(run: Run[Any], safe: list[str] | None = None) -> Evolved:
    baseline = _baseline(residual_tower(5))
    allowed = allowed_drop(baseline, run.settings, run.notes)
    plan = plan_time(run.budget, lambda: 0.0, 0.0, baseline, run.settings, rounds=1, workers=2)
    evaluator = Evaluator(run, baseline, left=plan.search_left)
    pruning = Pruning(
        run, baseline, allowed, evaluator, time_plan=plan, on_last=lambda elite, speed: None
    )
    kept = [] if safe is None else safe
    return Evolution(run, pruning, evaluator, on_elite=lambda elite: kept.append(elite.name)).run()


def _grown(run: Run[Any]) -> Evolved:
    baseline = _baseline(chain())
    evaluator = Evaluator(run, baseline, left=lambda: None)
    plan = RacePlan(
        run.settings,
        evaluator,
        workers=2,
        num_train_images=NUM,
        trials=run.settings.tries_deletions,
        speed=None,
        left=run.budget.remaining,
    )
    growing = Growing(run, baseline, evaluator, plan=plan, usual_work=1e9)
    return Evolution(run, growing, evaluator, on_elite=lambda elite: None).run()


DIGITS = {"data": "digits", "children": 5}
UNITS = {**DIGITS, "mix": {"remove-by-rank": 0.8, "remove-at-random": 0.14, "insert-conv": 0.06}}
PRUNE = make_settings({**UNITS, "generations": 3, "max_accuracy_drop": 0.1})
PLANS = make_settings({**DIGITS, "generations": 3, "max_accuracy_drop": 0.1})
PLANS_TO_TARGETS = make_settings(
    {**DIGITS, "generations": 3, "target_macs": 0.5, "target_params": 0.5}
)
PLANS_WHILE_BETTER = make_settings({"data": "digits", "generations": 2, "target_macs": 0.5})
GROW = {"data": "digits", "generations": 3, "children": 3, "child_epochs": 2}
TARGET = make_settings({**UNITS, "generations": 4, "target_macs": 0.5})
WAYS: dict[str, tuple[Callable[[Run[Any]], Evolved], Any]] = {
    "prune": (_pruned, PRUNE),
    "target": (_pruned, TARGET),
    "plans": (_pruned, PLANS),
    "plans-to-targets": (_pruned, PLANS_TO_TARGETS),
    "plans-while-better": (_pruned, PLANS_WHILE_BETTER),
    "default": (_grown, make_search_settings(GROW)),
    "adaptive": (
        _grown,
        make_search_settings(
            {**GROW, "mix": "adaptive", "share_weights": True, "ensemble": 2, "weights": "inherit"}
        ),
    ),
    "mi": (_grown, make_search_settings({**GROW, "method": "mi"})),
}


def _said(run: Run[Any]) -> list[events.Event]:
    """What a run has come to: outcomes come in any order, and a clock runs as it will."""
    clocked = events.Resumed | events.Decided
    return sorted((each for each in run.log.events if not isinstance(each, clocked)), key=repr)


@pytest.mark.parametrize("way", WAYS)
def test_a_loop_ends_and_tells_of_every_child(way: str, tmp_path: Path) -> None:
    evolve, settings = WAYS[way]
    run = _run(tmp_path, Landscape(), settings)
    evolved = evolve(run)
    generations = generations_of(run.log.events)
    children = [each for one in generations for each in one.children]
    assert generations and children
    assert all(each.verdict != "pending" for each in children)
    failed = [each.name for each in children if each.verdict == "failed"]
    fallen = set(run.pool.fallen)  # type: ignore[attr-defined]
    assert set(failed) <= fallen
    left = [each for each in children if each.name in fallen and each.verdict != "failed"]
    assert all(each.trained_quality is not None for each in left)  # as it was before
    accepted = [each.name for each in children if each.verdict == "accepted"]
    assert evolved.elite.name == (accepted[-1] if accepted else "reference")
    lines, torn = read_events(tmp_path / EVENTS)
    assert torn is None and [line.event for line in lines] == run.log.events
    assert isinstance(run.log.events[-1], events.SearchEnded)


@pytest.mark.parametrize("way", WAYS)
def test_wherever_it_is_cut_off_it_comes_to_the_same(way: str, tmp_path: Path) -> None:
    evolve, settings = WAYS[way]
    (tmp_path / "whole").mkdir()
    whole = _run(tmp_path / "whole", Landscape(), settings)
    expected = evolve(whole)
    asked = len(whole.pool.asked)  # type: ignore[attr-defined]
    for ends_after in range(0, asked, max(1, asked // 6)):
        folder = tmp_path / str(ends_after)
        folder.mkdir()
        with pytest.raises(KeyboardInterrupt):
            evolve(_run(folder, Landscape(ends_after=ends_after), settings))
        lines, _ = read_events(folder / EVENTS)
        again = _run(folder, Landscape(), settings)
        again.log.go_on(lines, events.Resumed(len(lines)), again._change)
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
        settings, asked = make_settings({**many, "max_accuracy_drop": 0.1}), 90 if before else 60
    else:
        settings, asked = make_search_settings({**GROW, "budget": before}), 20
    with pytest.raises(KeyboardInterrupt):
        evolve(_run(tmp_path, Landscape(ends_after=asked), settings))
    lines, _ = read_events(tmp_path / EVENTS)
    assert sum(isinstance(line.event, events.GenerationEnded) for line in lines) > 0
    changes = {} if before == after else {"budget": after}
    run = _run(tmp_path, Landscape(workers=workers), settings)
    run.log.go_on(lines, events.Resumed(len(lines), changes), run._change)
    evolve(run)
    assert run.budget.total == run.settings.budget == after
    assert run.log.events[: len(lines)] == [line.event for line in lines]
    assert isinstance(run.log.events[-1], events.SearchEnded)


def test_under_a_target_the_best_is_under_it_and_nothing_under_it_is_expected_to_be_better(
    tmp_path: Path,
) -> None:
    run = _run(tmp_path, Landscape(), TARGET)
    evolved = _pruned(run)
    most = graph_cost(residual_tower(5)).macs / 2
    assert evolved.elite.cost.macs <= most
    children = [each for one in generations_of(run.log.events) for each in one.children]
    under = [each for each in children if each.macs <= most and each.trained_quality]
    assert len(under) > 3
    assert {each.parent for each in children} > {"reference"}  # also models on the way
    above = [each for each in children if each.macs > most and each.trained_quality]
    assert above and {each.verdict for each in above} == {"over the target"}
    assert evolved.promising is None
    names = [each.name for each in evolved.frontier]
    assert evolved.elite.name in {each.name for each in under}
    assert len(set(names)) == len(names) > 1


def test_plans_are_under_both_targets_and_take_channels(tmp_path: Path) -> None:
    run = _run(tmp_path, Landscape(), PLANS_TO_TARGETS)
    evolved = _pruned(run)
    cost = graph_cost(residual_tower(5))
    assert evolved.elite.cost.macs <= cost.macs / 2
    assert evolved.elite.cost.num_params <= cost.num_params / 2
    children = [each for one in generations_of(run.log.events) for each in one.children]
    narrowed = [each for each in children if any(m.effect == "narrows" for m in each.morphs)]
    assert len(narrowed) > 3
    assert any(m.is_removal for each in children for m in each.morphs)  # units, too
    shares = [m.share for each in narrowed for m in each.morphs if m.effect == "narrows"]
    assert all(0 < share < 1 for share in shares)


def test_without_a_time_limit_plans_come_while_they_get_better(tmp_path: Path) -> None:
    run = _run(tmp_path, Landscape(), PLANS_WHILE_BETTER)
    _pruned(run)
    most = graph_cost(residual_tower(5)).macs / 2
    first, last = (one.children for one in generations_of(run.log.events))
    # Eight, as with a time limit, and four waves of four that must bring nothing better.
    assert 24 <= len(first) <= 67
    assert any(each.macs > most for each in first)  # on the way to the target
    assert all(each.macs <= most for each in last)  # nothing follows


def test_no_child_under_the_target_and_within_the_drop_leaves_the_start_and_the_nearest(
    tmp_path: Path,
) -> None:
    settings = TARGET.model_copy(update={"max_accuracy_drop": 0.0001, "generations": 2})
    evolved = _pruned(_run(tmp_path, Landscape(), settings))
    assert evolved.elite.name == "reference"
    assert evolved.promising is not None and evolved.promising.lineage
    assert evolved.promising.cost.macs <= graph_cost(residual_tower(5)).macs / 2


def test_another_run_cannot_go_on_from_these_events(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _pruned(_run(tmp_path, Landscape(ends_after=9), PRUNE))
    lines, _ = read_events(tmp_path / EVENTS)
    other = _run(tmp_path, Landscape(), PRUNE.model_copy(update={"seed": 5}))
    other.log.go_on(lines, events.Resumed(len(lines)), other._change)
    with pytest.raises(RunFolderError, match=r"cannot go on: event \d+ was Proposed g1c"):
        _pruned(other)


def _goes_on(
    folder: Path, settings: Any, safe: list[str] | None = None, **changes: Any
) -> tuple[Run[Any], Evolved]:
    """A search that has ended, with some settings changed."""
    _pruned(_run(folder, Landscape(), settings))
    lines, _ = read_events(folder / EVENTS)
    kinds = [type(line.event) for line in lines]
    behind = len(kinds) - kinds[::-1].index(events.GenerationEnded)
    run = _run(folder, Landscape(), settings)
    run.log.go_on(lines, events.Resumed(behind, changes), run._change)
    return run, _pruned(run, safe)


def test_more_generations_go_on_where_it_ended(tmp_path: Path) -> None:
    few = PRUNE.model_copy(update={"generations": 1})
    (tmp_path / "whole").mkdir()
    whole = _run(tmp_path / "whole", Landscape(), PRUNE)
    expected = _pruned(whole)
    run, found = _goes_on(tmp_path, few, generations=3)
    assert found.elite.name == expected.elite.name
    assert generations_of(run.log.events) == generations_of(whole.log.events)


def test_a_tighter_limit_goes_back_to_what_is_within_it(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    before = _pruned(_run(tmp_path / "before", Landscape(), PRUNE))
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
    plans = []

    class Asked(Landscape):
        def run(self, tasks: Sequence[Any]) -> Iterator[Evaluated | FailedEvaluation]:
            plans.extend(each.plan for each in tasks)
            return super().run(tasks)

    pool, baseline = Asked(), _baseline(chain())
    run = _run(tmp_path, pool, PRUNE)
    rungs = [Rung(2, 0.5, 10.0), Rung(1, 0.5, 20.0)]
    for before in (None, object()):
        run._before = before  # type: ignore[assignment]
        evaluator = Evaluator(run, baseline, left=lambda: left)
        evaluator.train([baseline.given], rungs[0], rungs[1:])
    began, again = plans
    assert began.seconds == began.seconds_in_all == again.seconds_in_all == 10.0
    assert again.seconds == pytest.approx(seconds)


def test_the_loop_its_strategies_and_a_run_are_imported_without_keras() -> None:
    rooms = "evolution.loop", "evolution.prune", "evolution.grow", "runs.run", "execution.pool"
    lines = [f"import prune_mi.{room}" for room in rooms]
    lines += ["import sys", "assert not {'keras', 'tensorflow'} & set(sys.modules)"]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
