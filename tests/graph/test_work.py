"""What a step of training costs: products, and values that are read and written."""

import numpy as np
from graph_builder import chain

from prune_mi.graph.cost import graph_cost, training_work
from prune_mi.graph.seed import seed_graph


def test_large_maps_cost_though_few_products_make_them() -> None:
    def seed(width: int) -> float:
        rng = np.random.default_rng(0)
        return training_work(seed_graph((32, 32, 1), 10, rng=rng, width=width, head="gap"))

    wide, narrow = seed(64), seed(16)
    assert 3.5 < wide / narrow < 4.5
    assert narrow > 5 * 32 * 32 * 9 * 16  # its products


def test_products_count() -> None:
    graph = chain()
    assert training_work(graph) > graph_cost(graph).macs > 0
