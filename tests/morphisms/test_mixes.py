"""Mixes: what they hold, and how often they add and remove."""

from collections import Counter

import numpy as np
import pytest
from graph_builder import GraphBuilder, chain, residual_tower

from prune_mi.costs.objective import named_objective
from prune_mi.errors import ConfigError
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.morphisms.catalog import CATALOG, morph
from prune_mi.morphisms.mixes import MIXES, resolve_mix
from prune_mi.morphisms.morphism import MorphContext, SiteScore


@pytest.mark.parametrize("name", MIXES)
def test_every_mix_draws_morphisms_that_there_are(name: str) -> None:
    assert set(MIXES[name]) <= set(CATALOG)
    assert sum(MIXES[name].values()) == pytest.approx(1)
    assert all(weight > 0 for weight in MIXES[name].values())


@pytest.mark.parametrize("name", MIXES)
def test_every_mix_sums_to_one(name: str) -> None:
    mix = resolve_mix(name)
    assert sum(mix.values()) == pytest.approx(1)
    assert set(mix) <= set(CATALOG)
    assert mix == pytest.approx(
        {each: weight / sum(MIXES[name].values()) for each, weight in MIXES[name].items()}
    )


def test_weights_are_brought_to_one() -> None:
    mix = resolve_mix({"remove-by-rank": 3, "insert-dropout": 1, "insert-conv": 0})
    assert mix == {"remove-by-rank": 0.75, "insert-dropout": 0.25, "insert-conv": 0.0}


def test_an_unknown_mix() -> None:
    with pytest.raises(ConfigError, match=r"unknown mix 'heavy'; expected one of deletion-heavy, "):
        resolve_mix("heavy")


def test_an_unknown_morphism() -> None:
    match = r"unknown change 'remove-all'; expected one of remove-by-rank, "
    with pytest.raises(ConfigError, match=match):
        resolve_mix({"remove-by-rank": 1.0, "remove-all": 1.0})


@pytest.mark.parametrize(
    "mix",
    [
        {},
        {"remove-by-rank": 0.0},
        {"remove-by-rank": -1.0},
        {"remove-by-rank": 2.0, "insert-conv": -1.0},
    ],
)
def test_no_positive_weights(mix: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"no change can be drawn .* weights of 0 or more"):
        resolve_mix(mix)


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(weight: float) -> None:
    with pytest.raises(ConfigError, match="with the mix"):
        resolve_mix({"remove-by-rank": weight, "insert-conv": 1.0})


class _Nowhere:
    """A morphism that has no site."""

    keeps_function = True
    by_rank = False

    def __init__(self, name: str) -> None:
        self.name, self.effect = name, CATALOG[name].effect

    def sites(self, graph: LayerGraph, context: MorphContext) -> NotApplicable:
        return NotApplicable("a stand-in")


def _drawn(graph: LayerGraph, mix: dict[str, float], times: int) -> Counter[str]:
    rng = np.random.default_rng(0)
    context = MorphContext((), named_objective("accuracy"))
    found: Counter[str] = Counter()
    for _ in range(times):
        _, (record,) = morph(graph, num_morphs=1, mix=mix, context=context, rng=rng)
        found[record.kind] += 1
    return found


def test_the_even_draw_adds_and_removes_evenly() -> None:
    found = _drawn(residual_tower(2), resolve_mix("uniform"), 800)
    assert found["remove-layer"] == pytest.approx(400, abs=60)
    added = [kind for kind in found if CATALOG[kind].effect == "adds"]
    assert set(found) - set(added) == {"remove-layer"}
    assert len(added) == 4
    assert all(found[kind] == pytest.approx(100, abs=40) for kind in added)


def test_the_even_draw_stays_even_where_some_cannot_be_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("insert-conv-relu", "insert-pool"):
        monkeypatch.setitem(CATALOG, name, _Nowhere(name))  # type: ignore[arg-type]
    found = _drawn(residual_tower(2), resolve_mix("uniform"), 800)
    assert found["remove-layer"] == pytest.approx(400, abs=60)
    assert found["insert-dropout"] == pytest.approx(200, abs=50)
    assert found["insert-batch-norm"] == pytest.approx(200, abs=50)


def test_where_nothing_can_be_removed_the_even_draw_adds() -> None:
    net = GraphBuilder()
    found = _drawn(net.graph(net.head(net.conv(net.input, 4))), resolve_mix("uniform"), 400)
    assert all(CATALOG[kind].effect == "adds" for kind in found)
    assert found["insert-dropout"] == pytest.approx(400 / 3, abs=50)


@pytest.mark.parametrize("name", MIXES)
def test_every_mix_can_be_drawn_from(name: str) -> None:
    mix = resolve_mix(name)
    context = MorphContext([SiteScore("conv_2", 0.1, 0.0)], named_objective("accuracy"))
    rng = np.random.default_rng(0)
    drawn: set[str] = set()
    for _ in range(60):
        _, records = morph(chain(), num_morphs=1, mix=mix, context=context, rng=rng)
        drawn |= {record.kind for record in records}
    assert drawn <= set(mix)
    assert max(mix, key=lambda kind: mix[kind]) in drawn


def test_nash_only_adds() -> None:
    for name in ("nash", "nash2017", "human"):
        assert not any(CATALOG[kind].effect == "removes" for kind in MIXES[name])
    nash = MIXES["nash"]
    assert nash["skip-add"] + nash["skip-concat"] == pytest.approx(nash["insert-dense"])
    assert len({nash[kind] for kind in nash if "skip" not in kind}) == 1
    deeper, wider = MIXES["nash2017"]["insert-conv"], MIXES["nash2017"]["widen-conv"]
    skips = MIXES["nash2017"]["skip-add"] + MIXES["nash2017"]["skip-concat"]
    assert deeper == wider == pytest.approx(skips)
