from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from graph_builder import GRAPHS, GraphBuilder, chain, identity_residual, residual_tower, snapshot

from prune_mi.costs.catalog import cost_kind
from prune_mi.costs.objective import named_objective
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import validate_graph
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.units.discovery import find_units, removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.graph.units.unit import saves
from prune_mi.morphisms.catalog import CATALOG, apply, morph
from prune_mi.morphisms.morphism import MorphContext, Morphed, SiteScore

NOTHING_RANKED = "no ranked unit is left whose removal saves any of the objective"
NOTHING_SAVES = "no unit is left whose removal saves any of the objective"


def _context(*names: str, objective: str = "macs") -> MorphContext:
    ranking = [SiteScore(name, index / 10, 0.05) for index, name in enumerate(names)]
    return MorphContext(ranking, named_objective(objective))


def _apply(
    kind: str, graph: LayerGraph, context: MorphContext, seed: int = 0
) -> Morphed | NotApplicable:
    return apply(CATALOG[kind], graph, context, np.random.default_rng(seed))


def _stub() -> LayerGraph:
    """Nothing can go, and only one tensor lies inside."""
    net = GraphBuilder()
    return net.graph(net.head(net.input))


@pytest.mark.parametrize("kind", CATALOG)
def test_the_catalog_knows_morphisms_by_their_names(kind: str) -> None:
    assert CATALOG[kind].name == kind


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("remove-by-rank", NOTHING_RANKED),
        ("remove-at-random", NOTHING_SAVES),
        ("remove-dropout", "the graph has no dropout layer"),
        ("remove-layer", "no convolution, pooling, activation, dropout or batch norm can go"),
        (
            "insert-conv",
            "no rectified channels-last image tensor to stay non-negative behind",
        ),
    ],
)
def test_no_site_says_why(kind: str, reason: str) -> None:
    graph = _stub()
    assert _apply(kind, graph, _context("dense_1")) == NotApplicable(reason)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("insert-batch-norm", "no channels-last tensor inside the graph"),
        ("insert-dropout", "no tensor inside the graph"),
    ],
)
def test_no_tensor_inside(kind: str, reason: str) -> None:
    net = GraphBuilder()
    assert _apply(kind, net.graph(net.dense(net.input)), _context()) == NotApplicable(reason)


def test_channels_first_has_no_site_for_channels_last_insertions() -> None:
    net = GraphBuilder()
    layer = net.layer("Conv2D", "conv", weights={"kernel": (3, 3, 2, 2)},
                      data_format="channels_first", activation="relu")  # fmt: skip
    graph = net.graph(net.head(net.call(layer, (net.input,), (None, 8, 8, 2))))
    assert isinstance(_apply("insert-conv", graph, _context()), NotApplicable)
    assert isinstance(_apply("insert-batch-norm", graph, _context()), NotApplicable)
    assert isinstance(_apply("insert-dropout", graph, _context()), Morphed)


def test_a_ranking_of_units_gone_since_has_no_site() -> None:
    graph = chain()
    assert _apply("remove-by-rank", graph, _context("gone")) == NotApplicable(NOTHING_RANKED)
    assert _apply("remove-by-rank", graph, _context("relu_2")) == NotApplicable(NOTHING_RANKED)
    outcome = _apply("remove-by-rank", graph, _context("gone", "relu_2", "conv_2"))
    assert isinstance(outcome, Morphed)
    assert outcome.record.target == "conv_2"


@pytest.mark.parametrize("kind", CATALOG)
@pytest.mark.parametrize("name", GRAPHS)
def test_what_a_morphism_records_is_what_it_did(kind: str, name: str) -> None:
    graph = GRAPHS[name]()
    context = _context(*(unit.name for unit in find_units(graph)))
    for seed in range(5):
        before = snapshot(graph)
        outcome = _apply(kind, graph, context, seed)
        assert snapshot(graph) == before
        if isinstance(outcome, NotApplicable):
            continue
        validate_graph(outcome.graph)
        assert outcome.record.kind == kind
        assert outcome.record.reason
        if kind.startswith(("widen", "narrow")):
            assert set(graph.layers) == set(outcome.graph.layers)
            changed = {
                name for name in graph.layers if _width(graph, name) != _width(outcome.graph, name)
            }
            assert changed == set(outcome.record.layers)
        elif kind.startswith(("insert", "skip")):
            assert set(outcome.graph.layers) - set(graph.layers) == set(outcome.record.layers)
            assert set(graph.layers) <= set(outcome.graph.layers)
        else:
            assert set(graph.layers) - set(outcome.graph.layers) == set(outcome.record.layers)
            assert set(outcome.graph.layers) <= set(graph.layers)
        if kind in ("remove-by-rank", "remove-at-random"):
            assert graph_cost(outcome.graph).macs < graph_cost(graph).macs


def _width(graph: LayerGraph, name: str) -> object:
    """What a layer with a kernel says of its width."""
    config = graph.layers[name].config
    return config.get("filters", config.get("units"))


def test_what_an_inserted_convolution_is_made_of() -> None:
    graph = chain()
    outcome = _apply("insert-conv", graph, _context())
    assert isinstance(outcome, Morphed)
    assert outcome.record.layers == ("inserted_conv_1", "inserted_bn_1", "inserted_relu_1")
    assert outcome.record.target in ("relu_1", "relu_2")
    kernel = outcome.graph.layers["inserted_conv_1"].weights[0]
    size = kernel.shape[0]
    assert kernel.shape == (size, size, 4, 4)
    assert outcome.record.reason == f"{size}x{size} kernel, starts as the identity"
    centre = (size - 1) // 2  # Where 'same' padding has the output's own position
    np.testing.assert_array_equal(kernel[centre, centre], np.eye(4))
    assert kernel.sum() == 4
    again = _apply("insert-conv", outcome.graph, _context())
    assert isinstance(again, Morphed)
    assert again.record.layers == ("inserted_conv_2", "inserted_bn_2", "inserted_relu_2")


def test_the_rates_of_inserted_dropouts() -> None:
    rates = []
    for seed in range(50):
        outcome = _apply("insert-dropout", chain(), _context(), seed)
        assert isinstance(outcome, Morphed)
        rates.append(outcome.graph.layers["inserted_dropout_1"].config["rate"])
        assert outcome.record.reason == f"rate {rates[-1]}"
    assert 0 <= min(rates) < 0.1
    assert 0.4 < max(rates) <= 0.5


def test_a_dropout_goes_and_only_that() -> None:
    net = GraphBuilder()
    x = net.dropout(net.relu(net.conv(net.input, 4)))
    graph = net.graph(net.head(x))
    outcome = _apply("remove-dropout", graph, _context())
    assert isinstance(outcome, Morphed)
    assert outcome.record.layers == ("dropout_1",)
    assert outcome.record.reason == "chosen at random from 1 dropout layer"
    assert set(graph.layers) - set(outcome.graph.layers) == {"dropout_1"}
    assert outcome.graph.node_by_name["pool_1"].inputs == (TensorRef("relu_1"),)


def test_what_a_unit_saves_is_counted_by_cost() -> None:
    units = {unit.name: unit for unit in find_units(identity_residual())}
    branch = units["add_1/branch"]
    macs, params = cost_kind("macs"), cost_kind("params")
    assert saves(branch, macs) == branch.macs == 2 * 64 * 9 * 16
    assert saves(branch, params) == branch.num_params == 2 * (9 * 16 + 4) + 32
    assert saves(units["bn_1"], macs) == saves(units["bn_1"], params) == 0
    assert units["bn_1"].num_params > 0  # it has some; their removal alone is of no account


def _targets(kind: str, graph: LayerGraph, context: MorphContext, draws: int) -> Counter[str]:
    rng = np.random.default_rng(0)
    found: Counter[str] = Counter()
    for _ in range(draws):
        outcome = apply(CATALOG[kind], graph, context, rng)
        assert isinstance(outcome, Morphed)
        found[outcome.record.target] += 1
    return found


def test_by_rank_the_least_information_goes_most_often() -> None:
    graph = residual_tower(3)
    names = [f"add_{index}/branch" for index in (3, 1, 2)]
    found = _targets("remove-by-rank", graph, _context(*names), 200)
    # Half, a quarter, and the last one takes what is left of the tail.
    assert sum(found.values()) == 200
    assert found[names[0]] == pytest.approx(100, abs=25)
    assert found[names[1]] == pytest.approx(50, abs=20)
    assert found[names[2]] == pytest.approx(50, abs=20)
    turned = _targets("remove-by-rank", graph, _context(*names[::-1]), 200)
    assert turned[names[2]] == pytest.approx(100, abs=25)


def test_by_rank_the_reason_tells_gain_and_place() -> None:
    context = _context("add_1/branch", "add_2/branch")
    reasons = set()
    for seed in range(20):
        outcome = _apply("remove-by-rank", residual_tower(2), context, seed)
        assert isinstance(outcome, Morphed)
        reasons.add(outcome.record.reason)
    assert reasons == {
        "score 0.000 ± 0.050 bits, lowest of 2 units for the cost it saves",
        "score 0.100 ± 0.050 bits, 2nd lowest of 2 units for the cost it saves",
    }


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        ("bit", "score 0.123 ± 0.050 bits"),
        ("accuracy", "score 0.123 ± 0.050 (accuracy)"),
        ("share", "score 0.123 ± 0.050 (share)"),
        ("score", "score 0.123 ± 0.050"),
    ],
)
def test_a_score_is_told_with_its_measure(measure: str, told: str) -> None:
    assert str(SiteScore("conv", 0.1234, 0.05, measure=measure)) == told


def test_by_rank_information_is_weighed_against_what_is_saved() -> None:
    graph = identity_residual()
    macs = {unit.name: unit.macs for unit in removable_units(graph)}
    assert macs["add_1/branch"] == 2 * macs["conv_2"] > 0
    for gain, first in ((0.15, "add_1/branch"), (0.3, "conv_2")):
        ranking = [SiteScore("conv_2", 0.1, 0.01), SiteScore("add_1/branch", gain, 0.01)]
        assert _first_by_rank(graph, ranking, "macs") == first
        assert _first_by_rank(graph, ranking, "accuracy") == "conv_2"


def test_by_rank_gains_within_their_error_count_alike() -> None:
    ranking = [SiteScore("conv_2", -0.04, 0.05), SiteScore("add_1/branch", 0.04, 0.05)]
    assert _first_by_rank(identity_residual(), ranking, "macs") == "add_1/branch"


def _first_by_rank(graph: LayerGraph, ranking: list[SiteScore], objective: str) -> str:
    """The unit of which a removal says that it is the least."""
    context, found = MorphContext(ranking, named_objective(objective)), set()
    for seed in range(20):
        outcome = _apply("remove-by-rank", graph, context, seed)
        assert isinstance(outcome, Morphed)
        if ", lowest of 2 units" in outcome.record.reason:
            found.add(outcome.record.target)
    (first,) = found
    return first


def test_at_random_all_go_alike() -> None:
    graph = residual_tower(2)
    saving = [unit.name for unit in removable_units(graph) if unit.macs > 0]
    assert saving == ["conv_2", "add_1/branch", "conv_4", "add_2/branch"]
    found = _targets("remove-at-random", graph, _context(), 200)
    assert set(found) == set(saving)
    assert all(count == pytest.approx(50, abs=22) for count in found.values())


def test_at_random_only_what_saves_goes() -> None:
    params = _context(objective="params")
    found = _targets("remove-at-random", chain(), params, 30)
    assert set(found) == {"conv_2"}
    layers = _context(objective="accuracy")
    found = _targets("remove-at-random", chain(), layers, 60)
    assert set(found) == {"bn_1", "relu_1", "conv_2", "bn_2", "relu_2"}


def _morph(
    graph: LayerGraph,
    mix: dict[str, float],
    *,
    num_morphs: int = 1,
    seed: int = 0,
    ranking: Sequence[str] = (),
) -> tuple[LayerGraph, list[str]]:
    changed, records = morph(
        graph,
        num_morphs=num_morphs,
        mix=mix,
        context=_context(*ranking),
        rng=np.random.default_rng(seed),
    )
    return changed, [record.kind for record in records]


def test_a_kind_without_a_site_is_drawn_again_without_it() -> None:
    mix = {"remove-dropout": 0.99, "insert-conv": 0.009, "insert-dropout": 0.001}
    net = GraphBuilder()
    graph = net.graph(net.head(net.conv(net.input, 4)))
    changed, kinds = _morph(graph, mix)
    assert kinds == ["insert-dropout"]
    assert len(changed.nodes) == len(graph.nodes) + 1
    # The dropout that came is a site for what had none before.
    assert _morph(graph, mix, num_morphs=2)[1] == ["insert-dropout", "remove-dropout"]


def test_a_mix_keeps_its_share_of_removals_where_one_of_them_has_no_site() -> None:
    mix = {"remove-dropout": 0.4, "remove-at-random": 0.1, "insert-dropout": 0.5}
    kinds = Counter(_morph(chain(), mix, seed=seed)[1][0] for seed in range(400))
    assert set(kinds) == {"remove-at-random", "insert-dropout"}
    assert kinds["insert-dropout"] == pytest.approx(200, abs=40)


def test_where_nothing_has_a_site_nothing_is_done() -> None:
    graph = _stub()
    changed, kinds = _morph(graph, {"remove-dropout": 0.5, "insert-conv": 0.5}, num_morphs=3)
    assert changed is graph
    assert kinds == []


def test_a_weight_of_nought_is_never_drawn() -> None:
    graph = chain()
    mix = {"remove-dropout": 1.0, "insert-dropout": 0.0}
    assert _morph(graph, mix) == (graph, [])


def test_morphs_stop_when_all_sites_are_used_up() -> None:
    graph = chain()
    changed, kinds = _morph(graph, {"remove-at-random": 1.0}, num_morphs=9)
    assert kinds == ["remove-at-random"]
    assert graph_cost(changed).num_layers == 6


def test_the_generator_decides() -> None:
    graph = residual_tower(3)
    mix = dict.fromkeys(CATALOG, 1.0)
    ranking = [unit.name for unit in removable_units(graph)]

    def names(seed: int) -> tuple[list[str], str]:
        changed, kinds = _morph(graph, mix, num_morphs=4, seed=seed, ranking=ranking)
        return kinds, changed.structural_hash()

    assert names(3) == names(3)
    assert len({names(seed)[1] for seed in range(5)}) == 5


def test_of_two_units_with_equal_claims_each_can_go() -> None:
    graph = GRAPHS["three_branches"]()
    branches = [unit for unit in removable_units(graph) if unit.kind == "branch"]
    context = _context(*dict.fromkeys(unit.name for unit in branches))
    left = set()
    for seed in range(40):
        outcome = _apply("remove-by-rank", graph, context, seed)
        assert isinstance(outcome, Morphed)
        left.add(outcome.graph.structural_hash())
    assert left == {remove_unit(graph, unit).structural_hash() for unit in branches}
