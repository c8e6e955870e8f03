"""The policies on rewards made up for them: what they learn, keep open and remember."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from graph_builder import residual_tower
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.costs.objective import named_objective
from prune_mi.graph.ir import LayerGraph
from prune_mi.morphisms.catalog import morph
from prune_mi.morphisms.morphism import MorphContext
from prune_mi.records import MorphRecord, Place
from prune_mi.search.policy import Choice, Exp3, FixedPolicy, Policy, Preferences, Reinforce

KINDS = tuple(f"kind-{number}" for number in range(8))
MIX = dict.fromkeys(KINDS, 1 / len(KINDS))
GOOD, OTHER = "kind-3", "kind-6"
PLACES = tuple(
    Place(third, behind) for third in (0, 1, 2) for behind in ("kernel", "norm", "activation")
)
GOOD_PLACE = Place(1, "norm")
BAD_DAY = -0.03  # what a child usually loses: no policy is told that nought is good

Worth = Callable[[MorphRecord], float]
LEARNERS: dict[str, Callable[[], Policy]] = {
    "reinforce": lambda: Reinforce(MIX),
    "exp3": lambda: Exp3(MIX),
}


def _draw(choice: Choice, rng: np.random.Generator) -> MorphRecord:
    kind = str(rng.choice(list(choice.mix), p=list(choice.mix.values())))
    weights = np.ones(len(PLACES))
    if choice.place_weight is not None:
        weights = np.array([choice.place_weight(kind, place) for place in PLACES])
    place = PLACES[int(rng.choice(len(PLACES), p=weights / weights.sum()))]
    return MorphRecord(kind, "tensor", (), "drawn", place)


def _live(policy: Policy, worth: Worth, *, children: int, seed: int) -> list[float]:
    """What the children were truly worth, of two morphisms each and seen through noise."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(children):
        choice = policy.choose()
        morphs = [_draw(choice, rng) for _ in range(2)]
        found.append(sum(worth(each) for each in morphs))
        policy.tell(morphs, found[-1] + BAD_DAY + 0.01 * rng.standard_normal())
    return found


def _worth_of_kind(morph: MorphRecord) -> float:
    return 0.01 * (morph.kind == GOOD)


def _worth_of_place(morph: MorphRecord) -> float:
    return 0.01 * (morph.place == GOOD_PLACE)


def _late(found: Sequence[float]) -> float:
    return float(np.mean(found[-100:]))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_kind_is_learned(name: str, seed: int) -> None:
    policy = LEARNERS[name]()
    found = _live(policy, _worth_of_kind, children=400, seed=seed)
    mix = policy.choose().mix
    assert max(mix, key=lambda kind: mix[kind]) == GOOD
    even = _live(FixedPolicy(Choice(MIX)), _worth_of_kind, children=400, seed=seed)
    assert _late(found) > 2 * _late(even)


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_place_is_learned(seed: int) -> None:
    policy = Reinforce({GOOD: 1.0})
    found = _live(policy, _worth_of_place, children=400, seed=seed)
    weight = policy.choose().place_weight
    assert weight is not None
    assert max(PLACES, key=lambda place: weight(GOOD, place)) == GOOD_PLACE
    even = _live(FixedPolicy(Choice({GOOD: 1.0})), _worth_of_place, children=400, seed=seed)
    assert _late(found) > 2 * _late(even)


def test_a_place_is_learned_for_the_kind_that_it_is_good_for() -> None:
    def worth(morph: MorphRecord) -> float:
        return 0.01 * (morph.place == {GOOD: PLACES[0], OTHER: PLACES[8]}[morph.kind])

    policy = Reinforce({GOOD: 0.5, OTHER: 0.5})
    _live(policy, worth, children=400, seed=0)
    weight = policy.choose().place_weight
    assert weight is not None
    assert max(PLACES, key=lambda place: weight(GOOD, place)) == PLACES[0]
    assert max(PLACES, key=lambda place: weight(OTHER, place)) == PLACES[8]


@pytest.mark.parametrize("name", LEARNERS)
def test_what_was_learned_can_be_unlearned(name: str) -> None:
    policy = LEARNERS[name]()
    _live(policy, _worth_of_kind, children=400, seed=0)
    assert min(policy.choose().mix.values()) > 0.005
    _live(policy, lambda morph: 0.01 * (morph.kind == OTHER), children=600, seed=1)
    mix = policy.choose().mix
    assert max(mix, key=lambda kind: mix[kind]) == OTHER


@pytest.mark.parametrize("name", LEARNERS)
def test_the_scale_of_rewards_does_not_matter(name: str) -> None:
    one, other = LEARNERS[name](), LEARNERS[name]()
    rng = np.random.default_rng(0)
    for _ in range(30):
        morphs, reward = [_draw(one.choose(), rng)], rng.standard_normal()
        one.tell(morphs, reward)
        other.tell(morphs, 0.001 * reward)
    assert one.choose().mix == pytest.approx(other.choose().mix)


@pytest.mark.parametrize("name", LEARNERS)
def test_equal_rewards_teach_nothing(name: str) -> None:
    policy = LEARNERS[name]()
    rng = np.random.default_rng(0)
    for _ in range(20):
        policy.tell([_draw(policy.choose(), rng)], -0.1)
    assert policy.choose().mix == pytest.approx(MIX)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_choice_stays_as_it_was_made(name: str) -> None:
    policy = LEARNERS[name]()
    choice = policy.choose()
    before = dict(choice.mix), choice.place_weight and choice.place_weight(GOOD, GOOD_PLACE)
    _live(policy, _worth_of_kind, children=20, seed=0)
    after = dict(choice.mix), choice.place_weight and choice.place_weight(GOOD, GOOD_PLACE)
    assert after == before
    assert policy.choose().mix != before[0]


@pytest.mark.parametrize("learner", [Reinforce, Exp3])
def test_a_mix_to_begin_with(learner: Callable[[dict[str, float]], Policy]) -> None:
    choice = learner({"a": 0.6, "b": 0.4, "c": 0.0}).choose()
    assert set(choice.mix) == {"a", "b"}
    assert choice.mix["a"] > choice.mix["b"]
    assert sum(choice.mix.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", LEARNERS)
def test_kinds_of_others_and_unknown_places_are_passed_over(name: str) -> None:
    policy = LEARNERS[name]()
    for reward in (0.0, 1.0, 2.0):
        policy.tell([MorphRecord("remove-by-rank", "unit", (), "drawn", GOOD_PLACE)], reward)
    assert policy.choose().mix == pytest.approx(MIX)
    policy.tell([MorphRecord(GOOD, "tensor", (), "drawn")], 3.0)
    choice = policy.choose()
    assert choice.mix[GOOD] > choice.mix[OTHER]
    if choice.place_weight is not None:
        assert choice.place_weight(GOOD, GOOD_PLACE) == pytest.approx(1)
        assert choice.place_weight("remove-by-rank", GOOD_PLACE) == 1


def _morphed(policy: Policy, graph: LayerGraph, rng: np.random.Generator) -> list[MorphRecord]:
    choice = policy.choose()
    context = MorphContext((), named_objective("accuracy"), place_weight=choice.place_weight)
    _, records = morph(graph, num_morphs=2, mix=choice.mix, context=context, rng=rng)
    return list(records)


def test_kind_and_place_are_learned_from_real_morphisms() -> None:
    """Where kinds have few sites and many, and a network has few of the places there may be."""
    graph = residual_tower(3)
    policy = Reinforce({"insert-dropout": 0.25, "insert-batch-norm": 0.25, "remove-at-random": 0.5})

    def worth(record: MorphRecord) -> bool:
        late = record.place is not None and record.place.third == 2
        return record.kind == "insert-dropout" and late

    rng = np.random.default_rng(0)
    share = []
    for _ in range(150):
        records = _morphed(policy, graph, rng)
        share.append(np.mean([worth(each) for each in records]))
        policy.tell(records, 0.01 * sum(worth(each) for each in records))
    assert np.mean(share[-50:]) > 3 * np.mean(share[:20])
    assert np.mean(share[-50:]) > 0.5


_VALUES = st.lists(st.floats(-50, 50), min_size=2, max_size=12)
_SHARES = st.floats(0, 0.95)


def _entropy(probabilities: np.ndarray) -> float:
    return float(-np.sum(probabilities * np.log(np.maximum(probabilities, 1e-300))))


@given(_VALUES, _SHARES, st.integers(0, 2**32 - 1), st.floats(-30, 30))
def test_the_entropy_never_falls_under_its_floor(
    values: list[float], share: float, seed: int, step: float
) -> None:
    preferences = Preferences(np.array(values), entropy_share=share)
    counts = np.random.default_rng(seed).integers(0, 3, len(values))
    for _ in range(3):
        probabilities = preferences.probabilities()
        assert probabilities.sum() == pytest.approx(1)
        assert _entropy(probabilities) >= share * np.log(len(values)) - 1e-6
        preferences.reinforce(counts, step)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=8), st.floats(-0.5, 0.5))
def test_a_step_follows_the_gradient_of_the_log_probability(
    values: list[float], step: float
) -> None:
    start = np.array(values)
    preferences = Preferences(start, entropy_share=0.0)
    counts = np.zeros(len(values))
    counts[0], counts[-1] = 2, 1

    def log_probability(at: np.ndarray) -> float:
        return float(counts @ (at - np.log(np.exp(at).sum())))

    width = 1e-6
    numeric = np.array(
        [
            (log_probability(start + width * unit) - log_probability(start - width * unit))
            / (2 * width)
            for unit in np.eye(len(values))
        ]
    )
    before = preferences.values
    preferences.reinforce(counts, step)
    np.testing.assert_allclose(preferences.values - before, step * numeric, atol=1e-6)


def test_what_is_within_the_floor_stays_as_it_is() -> None:
    weights = np.array([0.5, 0.3, 0.2])
    preferences = Preferences(np.log(weights), entropy_share=0.5)
    np.testing.assert_allclose(preferences.probabilities(), weights)


def test_shrinking_keeps_the_order() -> None:
    probabilities = Preferences(np.array([9.0, -4.0, 3.0]), entropy_share=0.8).probabilities()
    assert list(np.argsort(probabilities)) == [1, 2, 0]
    assert _entropy(probabilities) == pytest.approx(0.8 * np.log(3))
