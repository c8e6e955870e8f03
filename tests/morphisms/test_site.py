"""Sites are drawn evenly, or as places are weighed."""

import numpy as np
from graph_builder import GRAPHS

from prune_mi.graph.ir import TensorRef
from prune_mi.graph.place import place_of
from prune_mi.morphisms.morphism import MorphContext
from prune_mi.morphisms.site import draw_site, draw_sites
from prune_mi.records import Place

GRAPH = GRAPHS["chain"]()
SITES = [TensorRef(node.name) for node in GRAPH.nodes]


def _drawn(context: MorphContext, times: int = 400) -> list[TensorRef]:
    rng = np.random.default_rng(0)
    return [
        draw_site(GRAPH, SITES, context, rng, kind="insert-conv", tensor=lambda ref: ref)
        for _ in range(times)
    ]


def test_without_weights_every_site_is_drawn_evenly() -> None:
    drawn = _drawn(MorphContext(ranking=(), objective="accuracy"))
    counts = np.array([drawn.count(site) for site in SITES])
    assert np.all(np.abs(counts - 400 / len(SITES)) < 5 * np.sqrt(400 / len(SITES)))


def test_weights_of_places_say_where_a_site_is_drawn() -> None:
    def weight(kind: str, place: Place) -> float:
        return 1.0 if kind == "insert-conv" and place.behind == "norm" else 0.0

    drawn = _drawn(MorphContext(ranking=(), objective="accuracy", place_weight=weight))
    assert {place_of(GRAPH, site).behind for site in drawn} == {"norm"}


def test_weights_that_are_all_zero_draw_evenly() -> None:
    context = MorphContext(ranking=(), objective="accuracy", place_weight=lambda kind, place: 0.0)
    assert len(set(_drawn(context))) > 1


def test_sites_are_drawn_one_after_the_other_each_once() -> None:
    context = MorphContext(ranking=(), objective="accuracy")
    rng, again = np.random.default_rng(0), np.random.default_rng(0)
    drawn = draw_sites(GRAPH, SITES, context, rng, kind="insert-conv", tensor=lambda ref: ref)
    first = next(drawn)
    assert first == SITES[int(again.integers(len(SITES)))]
    assert rng.bit_generator.state == again.bit_generator.state  # the next is not drawn yet
    assert sorted([first, *drawn], key=SITES.index) == SITES
