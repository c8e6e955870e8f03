"""What criteria are asked in tests."""

from dataclasses import replace

import numpy as np

from prune_mi.config import RankingSettings
from prune_mi.data import fit_scaling
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.sites import unit_sites
from prune_mi.information.criterion import RankingRequest


def ranking_request(
    graph: LayerGraph, images: np.ndarray, labels: np.ndarray, **changes: object
) -> RankingRequest:
    """All units of a network that yields logits, asked about on raw images."""
    request = RankingRequest(
        graph=graph,
        sites=unit_sites(graph),
        images=images,
        labels=labels,
        scaling=fit_scaling("none", images),
        num_classes=int(labels.max()) + 1,
        from_logits=True,
        settings=RankingSettings(),
        seed=0,
    )
    return replace(request, **changes)  # type: ignore[arg-type]
