"""The loop on a made-up landscape, without Keras."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from prune_mi.costs.objective import named_objective
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.graph.cost import graph_cost
from prune_mi.records import events
from prune_mi.records.generations import generations_of
from prune_mi.runs.log import read_events
from prune_mi.search.racing import Rung
from tests.graph_builder import residual_tower
from tests.landscape import (
    EVENTS,
    PLANS_TO_TARGETS,
    PLANS_WHILE_BETTER,
    PRUNE,
    TARGET,
    WAYS,
    Landscape,
    made_up_baseline,
    pruned,
    run_on,
)


def _fell_further(told: Sequence[events.Event]) -> set[str]:
    """Children that failed in a generation that had trained them before."""
    trained, found = set[str](), set[str]()
    for event in told:
        if isinstance(event, events.GenerationBegan):
            trained = set()
        elif isinstance(event, events.Trained):
            trained.add(event.name)
        elif isinstance(event, events.Failed) and event.name in trained:
            found.add(event.name)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_loop_ends_and_tells_of_every_child(way: str, tmp_path: Path) -> None:
    evolve, settings = WAYS[way]
    run = run_on(tmp_path, Landscape(), settings)
    evolved = evolve(run)
    generations = generations_of(run.log.events)
    children = [each for one in generations for each in one.children]
    assert generations and children
    assert all(each.verdict != "pending" for each in children)
    failed = [each.name for each in children if each.verdict == "failed"]
    fallen = set(run.pool.fallen)  # type: ignore[attr-defined]
    assert set(failed) == fallen - _fell_further(run.log.events)
    accepted = [each.name for each in children if each.verdict == "accepted"]
    assert evolved.elite.name == (accepted[-1] if accepted else "reference")
    lines, torn = read_events(tmp_path / EVENTS)
    assert torn is None and [line.event for line in lines] == run.log.events
    assert isinstance(run.log.events[-1], events.SearchEnded)


def test_what_fails_when_it_is_trained_further_stays_as_it_was(tmp_path: Path) -> None:
    run = run_on(tmp_path, Landscape(), PLANS_TO_TARGETS)
    evolved = pruned(run)
    (name, *_) = sorted(_fell_further(run.log.events))
    trained = [e for e in run.log.events if isinstance(e, events.Trained) and e.name == name]
    (accepted,) = (e for e in run.log.events if isinstance(e, events.Accepted) and e.name == name)
    assert accepted.quality == trained[-1].quality
    assert name in {each.name for each in evolved.frontier}
    notes = [each.text for each in run.log.events if isinstance(each, events.Noted)]
    assert any(each.startswith(f"{name} failed and stays as it was") for each in notes)


def test_no_training_goes_the_same_way_twice_and_no_graph_is_ranked_twice(tmp_path: Path) -> None:
    pool, baseline = Landscape(), made_up_baseline(residual_tower(5))
    evaluator = Evaluator(run_on(tmp_path, pool, PRUNE), baseline, left=lambda: None)
    child = replace(baseline.start, name="g1c1", parent="reference")
    further = replace(child, own_images=40)
    for each in (child, further, child, replace(child, name="g2c1")):
        evaluator.train([each], Rung(1, 0.5, None))
    # Nothing has changed in g2c1: it has its parent's weights.
    assert [each.seed for each in pool.plans] == [0, 40, 1, 2]
    objective = named_objective("macs")
    first, again = (evaluator.ranking(baseline.start, objective=objective) for _ in range(2))
    assert again is first and pool.asked.count("reference") == 1
    other = replace(baseline.start, graph=residual_tower(5))
    assert evaluator.ranking(other, objective=objective) is not first


def test_under_a_target_the_best_is_under_it_and_nothing_under_it_is_expected_to_be_better(
    tmp_path: Path,
) -> None:
    run = run_on(tmp_path, Landscape(), TARGET)
    evolved = pruned(run)
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
    run = run_on(tmp_path, Landscape(), PLANS_TO_TARGETS)
    evolved = pruned(run)
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
    run = run_on(tmp_path, Landscape(), PLANS_WHILE_BETTER)
    pruned(run)
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
    evolved = pruned(run_on(tmp_path, Landscape(), settings))
    assert evolved.elite.name == "reference"
    assert evolved.promising is not None and evolved.promising.lineage
    assert evolved.promising.cost.macs <= graph_cost(residual_tower(5)).macs / 2


def test_the_loop_its_strategies_and_a_run_are_imported_without_keras() -> None:
    rooms = "evolution.loop", "evolution.prune", "evolution.grow", "runs.run", "execution.pool"
    lines = [f"import prune_mi.{room}" for room in rooms]
    lines += ["import sys", "assert not {'keras', 'tensorflow'} & set(sys.modules)"]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def test_a_generation_that_gets_all_the_time_plans_for_the_targets_alone(tmp_path: Path) -> None:
    settings = PLANS_WHILE_BETTER.model_copy(update={"generations": None, "budget": 60.0})
    run = run_on(tmp_path, Landscape(), settings)
    pruned(run)
    most = graph_cost(residual_tower(5)).macs / 2
    decided = {e.what: e.value for e in run.log.events if isinstance(e, events.Decided)}
    made = generations_of(run.log.events)
    alone = [
        each for each in made if not decided[f"whether generation {each.index} may be followed"]
    ]
    assert alone
    assert all(child.macs <= most for each in alone for child in each.children)


def test_for_accuracy_the_best_is_the_end_and_nothing_challenges_it(tmp_path: Path) -> None:
    settings = PRUNE.model_copy(update={"objective": "accuracy"})
    run = run_on(tmp_path, Landscape(), settings)
    evolved = pruned(run)
    assert evolved.promising is None
    reasons = {e.reason for e in run.log.events if isinstance(e, events.Refused)}
    assert "others save more" not in reasons
