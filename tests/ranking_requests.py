"""What criteria are asked in tests."""

from dataclasses import replace

import numpy as np

from prune_mi.config import RankingSettings
from prune_mi.data import fit_scaling
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.sites import unit_sites
from prune_mi.information.criterion import RankingRequest
from tests.judges import of_classes


def ranking_request(
    graph: LayerGraph,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    from_logits: bool = True,
    **changes: object,
) -> RankingRequest:
    """All units of a network that tells classes apart, asked about on raw images."""
    request = RankingRequest(
        graph=graph,
        sites=unit_sites(graph),
        images=images,
        truth=labels,
        groups=labels,
        scaling=fit_scaling("none", images),
        judge=of_classes(int(labels.max()) + 1, from_logits=from_logits),
        settings=RankingSettings(),
        seed=0,
    )
    return replace(request, **changes)  # type: ignore[arg-type]
