"""Sites are drawn evenly, as places are weighed, or by rank."""

from dataclasses import replace
from itertools import islice

import numpy as np
from graph_builder import GRAPHS

from prune_mi.costs.objective import named_objective
from prune_mi.graph.analysis.layer_counts import location_of
from prune_mi.graph.ir import TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Site
from prune_mi.morphisms.catalog import CATALOG, apply, drawn
from prune_mi.morphisms.morphism import MorphContext, Morphism
from prune_mi.records import Place

GRAPH = GRAPHS["chain"]()
SITES = [
    Site(name, TensorRef(name), TensorRef(name), lambda *_: NotApplicable("a stand-in"))
    for name in GRAPH.node_by_name
]
EVENLY = MorphContext(ranking=(), objective=named_objective("accuracy"))


def _drawn(context: MorphContext, kind: str = "insert-conv", times: int = 400) -> list[Site]:
    rng = np.random.default_rng(0)
    return [next(drawn(CATALOG[kind], GRAPH, SITES, context, rng)) for _ in range(times)]


def test_without_weights_every_site_is_drawn_evenly() -> None:
    found = _drawn(EVENLY)
    counts = np.array([found.count(site) for site in SITES])
    assert np.all(np.abs(counts - 400 / len(SITES)) < 5 * np.sqrt(400 / len(SITES)))


def test_weights_of_places_say_where_a_site_is_drawn() -> None:
    def weight(kind: str, place: Place) -> float:
        return 1.0 if kind == "insert-conv" and place.behind == "norm" else 0.0

    found = _drawn(
        MorphContext(ranking=(), objective=named_objective("accuracy"), place_weight=weight)
    )
    assert {location_of(GRAPH, site.after).behind for site in found} == {"norm"}


def test_weights_that_are_all_zero_draw_evenly() -> None:
    context = replace(EVENLY, place_weight=lambda kind, place: 0.0)
    assert len({site.name for site in _drawn(context)}) > 1


def test_by_rank_the_first_is_drawn_most_often() -> None:
    found = _drawn(MorphContext((), named_objective("accuracy"), greed=0.9), "remove-by-rank")
    assert 340 < found.count(SITES[0]) < 380
    assert found.count(SITES[0]) > found.count(SITES[1]) > found.count(SITES[2])


def test_sites_are_drawn_one_after_the_other_each_once() -> None:
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    found = drawn(CATALOG["insert-conv"], GRAPH, SITES, EVENLY, rng)
    first = next(found)
    assert first == SITES[int(again.integers(len(SITES)))]
    assert rng.bit_generator.state == again.bit_generator.state  # the next is not drawn yet
    assert sorted([first, *found], key=SITES.index) == SITES


def test_where_one_did_not_do_no_other_of_its_tensor_comes() -> None:
    twins = [site for site in SITES for _ in range(2)]
    found = drawn(CATALOG["insert-conv"], GRAPH, twins, EVENLY, np.random.default_rng(0))
    tensors = [site.after for site in islice(found, 100)]
    assert len(tensors) == len(set(tensors)) == len(SITES)


def test_where_no_site_does_the_first_ones_reason_is_told() -> None:
    class Nowhere(Morphism):
        name = "insert-conv"
        effect = "adds"

        def sites(self, graph: object, context: object) -> list[Site]:
            return [
                replace(site, edit=lambda *_, at=place: NotApplicable(f"at {at}"))
                for place, site in enumerate(SITES)
            ]

    found = apply(Nowhere(), GRAPH, EVENLY, np.random.default_rng(0))
    assert found == NotApplicable(f"none of {len(SITES)} places will do: at 0")
