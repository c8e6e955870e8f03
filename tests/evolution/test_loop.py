"""The loop on a made-up landscape, without Keras."""

import subprocess
import sys
from pathlib import Path

import pytest

from prune_mi.graph.cost import graph_cost
from prune_mi.records import events
from prune_mi.records.generations import generations_of
from prune_mi.runs.log import read_events
from tests.graph_builder import residual_tower
from tests.landscape import (
    EVENTS,
    PLANS_TO_TARGETS,
    PLANS_WHILE_BETTER,
    TARGET,
    WAYS,
    Landscape,
    pruned,
    run_on,
)


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
    assert set(failed) <= fallen
    left = [each for each in children if each.name in fallen and each.verdict != "failed"]
    assert all(each.trained_quality is not None for each in left)  # as it was before
    accepted = [each.name for each in children if each.verdict == "accepted"]
    assert evolved.elite.name == (accepted[-1] if accepted else "reference")
    lines, torn = read_events(tmp_path / EVENTS)
    assert torn is None and [line.event for line in lines] == run.log.events
    assert isinstance(run.log.events[-1], events.SearchEnded)


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
