"""The climber on a made-up landscape: every removal costs a known bit of accuracy."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from graph_builder import chain, residual_tower

from prune_mi.costs.objective import named_objective
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.climber import HillClimber
from prune_mi.search.selection import chance_of_success, error_of
from tests.candidates import trained as trained_candidate

TOWER = residual_tower(6)
REFERENCE_ACCURACY = 0.9
DELETIONS = {"remove-by-rank": 0.7, "remove-at-random": 0.3}
DROPOUTS = {"insert-dropout": 1.0}
Evaluation = Callable[[Proposed], float]


def _climber(
    *,
    graph: LayerGraph = TOWER,
    seed: int = 0,
    allowed_drop: float = 0.02,
    objective: str = "macs",
    mix: Mapping[str, float] = DELETIONS,
    max_morphs: int = 4,
    horizon: int = 1600,
    train_quality: float = 1.0,
) -> HillClimber:
    reference = trained_candidate("reference", REFERENCE_ACCURACY, graph, own_images=0)
    many = np.arange(10**6) < REFERENCE_ACCURACY * 10**6  # so that accuracies are hardly off
    return HillClimber(
        replace(reference, scores=many),
        allowed_drop=allowed_drop,
        objective=named_objective(objective),
        mix=mix,
        max_morphs=max_morphs,
        rng=np.random.default_rng(seed),
        horizon=lambda _: horizon,
        train_quality=train_quality,
    )


FIRST_BLOCK = ("conv_2", "conv_3", "add_1/branch")


def _ranking(graph: LayerGraph) -> list[SiteScore]:
    """The first block, which matters most, comes last."""
    units = removable_units(graph)
    return [
        SiteScore(unit.name, index / 100, 0.0)
        for index, unit in enumerate(sorted(units, key=lambda unit: unit.name in FIRST_BLOCK))
    ]


def _by_removals(child: Proposed) -> float:
    """Every morph loses half a percent, those of the first block five times as much."""
    return REFERENCE_ACCURACY - sum(
        0.025 if each.target in FIRST_BLOCK else 0.005 for each in child.lineage
    )


def _further(child: Screened, quality: float) -> Trained:
    return child.trained(quality, np.ones(1, bool), graph=child.graph, images=100)


def _generation(
    climber: HillClimber, evaluation: Evaluation, *, num_children: int = 4, num_trained: int = 2
) -> tuple[tuple[Proposed, ...], list[Trained]]:
    children = climber.ask(num_children, _ranking(climber.elite.graph))
    screened = [each.screened(evaluation(each) - 0.1) for each in children]
    trained = [_further(each, evaluation(each)) for each in climber.choose(screened, num_trained)]
    climber.observe(trained)
    climber.tell(trained)
    return children, trained


def _trained(
    name: str, quality: float, macs: int, *, own_images: int = 100, graph: LayerGraph = TOWER
) -> Trained:
    cost = replace(graph_cost(graph), macs=macs)
    return trained_candidate(name, quality, graph, cost=cost, own_images=own_images)


@pytest.mark.parametrize("objective", ["macs", "params"])
@pytest.mark.parametrize("seed", range(3))
def test_the_elite_gets_cheaper_and_never_falls_below_the_floor(objective: str, seed: int) -> None:
    climber = _climber(seed=seed, objective=objective)
    floor = climber.floor
    assert floor == pytest.approx(0.88)
    costs = [climber.elite.cost.amounts[objective]]
    for _ in range(5):
        elite = climber.elite
        _generation(climber, _by_removals)
        costs.append(climber.elite.cost.amounts[objective])
        assert climber.floor == floor
        assert climber.elite.quality >= floor
        if climber.elite is elite:
            assert costs[-1] == costs[-2]
            assert climber.flat_generations > 0
        else:
            assert costs[-1] < costs[-2]
            assert climber.flat_generations == 0
            assert climber.elite.cost == graph_cost(climber.elite.graph)
    assert costs[-1] < costs[0]


@pytest.mark.parametrize("seed", range(3))
def test_for_accuracy_the_elite_gets_more_accurate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    climber = _climber(seed=seed, objective="accuracy", mix=DROPOUTS)
    best = [REFERENCE_ACCURACY]
    for _ in range(6):
        _, trained = _generation(climber, lambda _: float(rng.uniform(0.85, 0.95)))
        assert climber.elite.quality == max(best[-1], *(each.quality for each in trained))
        assert climber.promising is None
        best.append(climber.elite.quality)
    assert best[-1] > best[0]


def test_tell_returns_the_new_elite_or_none() -> None:
    climber = _climber()
    assert climber.tell([_trained("a", 0.8799, 10)]) is None
    assert climber.tell([]) is None
    assert climber.flat_generations == 2
    fit = [_trained("b", 0.9, 900), _trained("c", 0.885, 800), _trained("d", 0.86, 700)]
    assert climber.tell(fit) is climber.elite is fit[1]
    assert climber.flat_generations == 0
    assert climber.tell([_trained("e", 0.95, 800)]) is None  # no cheaper than the elite


@pytest.mark.parametrize("seed", range(3))
def test_no_architecture_is_proposed_twice(seed: int) -> None:
    climber = _climber(seed=seed)
    seen = [TOWER.structural_hash()]
    for _ in range(4):
        children, _ = _generation(climber, _by_removals)
        seen.extend(child.graph.structural_hash() for child in children)
    assert len(seen) > 8
    assert len(set(seen)) == len(seen)


def test_children_are_made_from_the_elite_and_know_where_they_come_from() -> None:
    climber = _climber()
    for index in range(1, 5):
        elite = climber.elite
        children, _ = _generation(climber, _by_removals)
        assert [child.name for child in children] == [
            f"g{index}c{number}" for number in range(1, len(children) + 1)
        ]
        for child in children:
            assert child.parent == elite.name
            assert child.morphs
            assert child.lineage == (*elite.lineage, *child.morphs)
            assert child.images_trained == elite.images_trained
            assert type(child) is Proposed
            assert child.cost == graph_cost(child.graph)
            assert child.cost.macs < elite.cost.macs


def test_morphs_halve_with_every_flat_generation_and_come_back() -> None:
    climber = _climber(mix=DROPOUTS, max_morphs=8)
    for most in (8, 4, 2, 1, 1):
        children = climber.ask(60, ())
        assert {len(child.morphs) for child in children} == set(range(1, most + 1))
        climber.tell([])
    climber.tell([_trained("a", 0.9, 10)])
    assert max(len(child.morphs) for child in climber.ask(60, ())) == 8


def test_an_odd_number_of_morphs_is_halved_upwards() -> None:
    climber = _climber(mix=DROPOUTS, max_morphs=5)
    for most in (5, 3, 2, 1):
        assert max(len(child.morphs) for child in climber.ask(60, ())) == most
        climber.tell([])


def test_fewer_children_where_none_are_left_to_find() -> None:
    graph = chain()
    climber = _climber(graph=graph, mix={"remove-by-rank": 1.0})
    ranking = [SiteScore("conv_2", 0.1, 0.0)]
    assert [child.morphs[0].target for child in climber.ask(4, ranking)] == ["conv_2"]
    assert climber.ask(4, ranking) == ()
    assert climber.generation == 2
    assert climber.ask(4, []) == ()


@pytest.mark.parametrize("most", [1, 2, 4])
def test_children_take_m_morphs_with_a_share_of_one_over_m(most: int) -> None:
    children = _climber(mix=DROPOUTS, max_morphs=most).ask(100, ())
    counts = Counter(len(child.morphs) for child in children)
    total = sum(1 / size for size in range(1, most + 1))
    assert sum(counts.values()) == 100
    for size in range(1, most + 1):
        assert counts[size] == pytest.approx(100 / size / total, abs=2)


def test_few_children_are_spread_over_the_sizes() -> None:
    climber = _climber(mix=DROPOUTS, max_morphs=5)
    assert [len(child.morphs) for child in climber.ask(4, ())] == [1, 1, 2, 4]


def test_the_chance_of_a_child_follows_its_learning_curve() -> None:
    climber = _climber()
    # It lost 0.1 after 100 images; after 1600 that is 0.1 / 16^0.32 = 0.041, more than 0.02.
    child = _trained("a", 0.8, 100)
    assert climber.chance(child) == pytest.approx(chance_of_success(0.1 / 16**0.32, 0.02))
    assert 0.05 < climber.chance(child) < 0.5
    assert climber.chance(replace(child, quality=0.86)) > 0.5
    assert climber.chance(replace(child, quality=0.95)) == 1.0  # accepted already
    at_its_end = replace(child, own_images=1600)
    assert climber.chance(at_its_end) == pytest.approx(chance_of_success(0.1, 0.02))


def test_expectations_learn_from_the_trainings_seen() -> None:
    climber = _climber()
    child = _trained("a", 0.8, 100)
    climber.observe([child, _trained("b", 0.7, 100)])
    before = climber.chance(child)
    # Four times the images, half the loss: an exponent of a half.
    climber.observe([replace(child, quality=0.85, own_images=400)])
    assert before < climber.chance(child) < chance_of_success(0.1 / 16**0.5, 0.02)
    # Another one became worse, and counts just as much.
    climber.observe([replace(_trained("b", 0.65, 100), own_images=400)])
    assert climber.chance(child) < before


def test_an_original_that_can_still_learn_lets_children_hope_for_more() -> None:
    child = _trained("a", 0.86, 100)
    learnt, learning = _climber(), _climber(train_quality=0.86)
    assert learning.chance(child) > learnt.chance(child)
    # Of what training adds, a child that is at its end gets nothing.
    at_its_end = replace(child, own_images=1600)
    gain = 0.4 * 0.14**2
    assert learning.chance(at_its_end) == pytest.approx(chance_of_success(0.04 + gain, 0.02 + gain))
    assert learning.chance(at_its_end) < 0.5


def test_a_quality_below_zero_has_an_error_too() -> None:
    scores = np.array([-3.0, 0.5, 0.7, 0.2], np.float32)  # R^2, sample by sample
    reference = trained_candidate("reference", -0.4, TOWER, scores=scores, own_images=0)
    assert error_of(reference) == pytest.approx(float(scores.std()) / 2)
    assert error_of(replace(reference, scores=np.zeros(4, np.float32))) > 0
    climber = HillClimber(
        reference,
        allowed_drop=0.02,
        objective=named_objective("macs"),
        mix=DELETIONS,
        max_morphs=4,
        rng=np.random.default_rng(0),
        horizon=lambda _: 1600,
    )
    assert 0 < climber.chance(_trained("a", -0.6, 100)) < 1


def test_the_most_hopeful_advance() -> None:
    climber = _climber()
    most = climber.elite.cost.macs
    cheap = _trained("cheap", 0.87, most // 10)  # both with a good chance: 0.03 / 16^0.32 = 0.012
    costly = _trained("costly", 0.87, most // 2)
    far = _trained("far", 0.5, 10)
    no_saving = _trained("no saving", 0.87, climber.elite.cost.macs)
    trained = [far, no_saving, costly, cheap]
    assert climber.advance(trained, 1) == (cheap,)
    assert climber.advance(trained, 2) == (cheap, costly)
    assert climber.advance(trained, 9) == (cheap, costly, far)
    assert climber.advance([], 2) == ()


def test_of_two_that_are_alike_one_advances_and_a_bolder_one() -> None:
    climber = _climber(objective="macs")
    most = climber.elite.cost.macs
    one = _trained("one", 0.87, int(0.69 * most))
    like_it = _trained("like it", 0.87, int(0.70 * most))
    bold = _trained("bold", 0.85, int(0.55 * most))
    assert climber.chance(bold) < 0.7 < climber.chance(one)
    assert set(climber.advance([like_it, bold, one], 2)) == {one, bold}
    assert climber.advance([like_it, bold, one], 3)[2] is like_it


def test_what_training_wins_back_makes_bolder_children_worth_training() -> None:
    climber = _climber(objective="macs", horizon=100_000)
    most = climber.elite.cost.macs
    safe = _trained("safe", 0.89, int(0.65 * most), own_images=0)
    bold = _trained("bold", 0.84, int(0.40 * most), own_images=0)
    assert climber.choose([safe, bold], 1) == (safe,)
    again = replace(_trained("a", 0.88, most // 2, own_images=2000), screened_quality=0.8)
    climber.observe([replace(again, name=name) for name in "abcd"])
    assert climber.choose([safe, bold], 1) == (bold,)


def test_none_advance_past_a_child_that_is_accepted_already() -> None:
    climber = _climber()
    most = climber.elite.cost.macs
    accepted = _trained("accepted", 0.88, most // 2)
    cheaper, costlier = (
        _trained("cheaper", 0.87, most // 10),
        _trained("costlier", 0.87, most // 4 * 3),
    )
    assert climber.advance([costlier, accepted], 2) == ()
    # One that may yet do better goes on, the accepted one does not.
    assert climber.advance([costlier, accepted, cheaper], 1) == (cheaper,)
    assert climber.advance([costlier, accepted, cheaper], 2) == (cheaper, costlier)


def test_a_promising_child_competes_again() -> None:
    climber = _climber()
    close = _trained("close", 0.86, 100)
    climber.tell([close, _trained("far", 0.5, 50)])
    assert climber.promising is close
    costly = _trained("costly", 0.89, climber.elite.cost.macs - 1)
    assert climber.choose([costly], 1) == (close,)
    assert set(climber.choose([costly], 2)) == {close, costly}
    # Trained further, it is accepted with its weights, and is promising no more.
    again = replace(close, quality=0.885, own_images=200)
    assert climber.tell([again]) is again
    assert climber.promising is None


def test_which_child_is_promising() -> None:
    climber = _climber(horizon=100)
    climber.tell([_trained("costly", 0.87, climber.elite.cost.macs)])
    assert climber.promising is None
    climber.tell([_trained("a", 0.85, 100), _trained("b", 0.87, 200), _trained("c", 0.86, 50)])
    assert climber.promising is not None
    assert climber.promising.name == "b"  # misses the allowed drop by least
    climber.tell([_trained("d", 0.865, 10)])
    assert climber.promising.name == "b"
    climber.tell([_trained("d", 0.865, 10), _trained("elite", 0.89, 150)])
    assert climber.promising.name == "d"  # b costs more than the elite by now


def test_of_those_expected_within_the_drop_the_cheapest_is_promising() -> None:
    climber = _climber(horizon=10**6)
    climber.tell([_trained("a", 0.878, 200), _trained("b", 0.8779, 100)])
    assert climber.promising is not None
    assert climber.promising.name == "b"


def test_a_model_with_a_fair_chance_gets_the_final_training_and_not_one_that_saves_more() -> None:
    climber = _climber()
    most = climber.elite.cost.macs
    elite, near = _trained("elite", 0.89, most // 2), _trained("near", 0.86, most * 2 // 5)
    far = _trained("far", 0.83, 10)
    climber.tell([elite, near, far])
    assert climber.promising is far  # a small chance of saving much
    assert climber.chance(far) < 0.3 < climber.chance(near)
    assert climber.finalist([elite, near, far], least=0.3) is near
    assert climber.finalist([elite, far], least=0.3) is None
    assert climber.finalist([near, far], least=0.0) is far
    climber.tell([])
    climber.promising = None  # nothing new is cheaper: what was trained before may still be
    assert climber.finalist([elite, near], least=0.3) is near


def test_where_nothing_is_accepted_the_promising_child_is_the_only_hope() -> None:
    climber = _climber()
    assert climber.finalist([], least=0.3) is None
    far = _trained("far", 0.6, 10)
    climber.tell([far])
    assert climber.finalist([], least=0.3) is far


def test_of_a_promising_child_the_latest_weights_count() -> None:
    climber = _climber(horizon=100)
    climber.tell([_trained("a", 0.87, 100)])
    worse = _trained("a", 0.86, 100, own_images=200)
    climber.tell([worse])
    assert climber.promising is worse


def _story(seed: int) -> Sequence[object]:
    climber = _climber(seed=seed)
    story: list[object] = []
    for _ in range(3):
        children, trained = _generation(climber, _by_removals)
        story.append([(each.name, each.morphs, each.graph.structural_hash()) for each in children])
        story.append([(each.name, each.quality) for each in trained])
        story.append(climber.elite.name)
    return story


def test_the_seed_decides() -> None:
    assert _story(0) == _story(0)
    assert _story(0) != _story(1)


def test_halving_many_times_over_leaves_one_morph() -> None:
    climber = _climber(mix=DROPOUTS, max_morphs=3)
    for _ in range(200):
        climber.tell([])
    assert {len(child.morphs) for child in climber.ask(5, ())} == {1}


def test_a_second_wave_goes_by_what_the_first_has_shown() -> None:
    climber = _climber(mix={"remove-by-rank": 1.0}, max_morphs=3)
    names = [f"add_{index}/branch" for index in range(1, 7)]
    ranking = [SiteScore(name, 0.01, 0.001) for name in names]  # the gains say nothing
    first = climber.ask(6, ranking)
    dear = {"add_1/branch", "add_2/branch", "add_3/branch"}
    screened = [
        each.screened(0.9 - 0.2 * sum(morph.target in dear for morph in each.morphs))
        for each in first
    ]
    lost = {morph.target for each in first for morph in each.morphs}
    second = climber.ask(5, ranking, seen=screened)
    assert climber.generation == 1
    assert [each.name for each in second] == [f"g1c{index}" for index in range(7, 7 + len(second))]
    targets = Counter(morph.target for each in second for morph in each.morphs)
    cheap = sum(count for name, count in targets.items() if name not in dear & lost)
    assert cheap > 0.7 * targets.total()
    assert not {each.graph.structural_hash() for each in second} & {
        each.graph.structural_hash() for each in first
    }
    assert max(len(each.morphs) for each in second) == 3


class TestAskingAlike:
    def test_every_child_has_as_many_morphs(self) -> None:
        climber = _climber()
        context = MorphContext(ranking=(), objective=named_objective("accuracy"))
        children = climber.ask_alike(4, 3, lambda: ({"insert-dropout": 1.0}, context))
        assert [each.name for each in children] == ["g1c1", "g1c2", "g1c3", "g1c4"]
        assert {len(each.morphs) for each in children} == {3}
        assert climber.generation == 1

    def test_each_child_may_be_drawn_from_another_mix(self) -> None:
        mixes = iter([{"insert-dropout": 1.0}, {"insert-batch-norm": 1.0}] * 50)
        context = MorphContext(ranking=(), objective=named_objective("accuracy"))
        children = _climber().ask_alike(2, 1, lambda: (next(mixes), context))
        assert [each.morphs[0].kind for each in children] == ["insert-dropout", "insert-batch-norm"]

    def test_what_is_not_allowed_is_drawn_again(self) -> None:
        context = MorphContext(ranking=(), objective=named_objective("accuracy"))
        mix = {"remove-at-random": 0.9, "insert-dropout": 0.1}
        children = _climber().ask_alike(
            5, 2, lambda: (mix, context), allows=lambda graph: len(graph.nodes) >= len(TOWER.nodes)
        )
        assert len(children) == 5
        assert all(len(each.graph.nodes) >= len(TOWER.nodes) for each in children)
        assert all(each.morphs[0].is_insertion for each in children)


def test_the_age_of_the_best_structure_is_counted() -> None:
    climber = _climber(objective="accuracy", allowed_drop=0.0)
    assert climber.structure_age == 0
    same = replace(climber.elite, name="again", quality=0.95)
    climber.tell([same])
    assert (climber.elite.name, climber.flat_generations, climber.structure_age) == ("again", 0, 1)
    other = replace(same, name="other", graph=chain(), quality=0.97)
    climber.tell([other])
    assert climber.structure_age == 0


def test_for_accuracy_the_elite_is_not_its_own_challenger() -> None:
    climber = _climber(objective="accuracy", allowed_drop=0.0)
    better = _trained("better", 0.95, climber.elite.cost.macs)
    assert climber.tell([better]) is better
    assert climber.finalist([better], least=0.3) is None


def test_what_failed_in_its_longer_training_is_no_hope() -> None:
    climber = _climber(horizon=10**6)
    ran, other = _trained("ran", 0.878, 100), _trained("other", 0.8779, 200)
    climber.drop("ran")
    climber.tell([ran, other])
    assert climber.promising is other
    climber.observe([ran])  # it could be trained after all
    climber.tell([ran, other])
    assert climber.promising is ran
