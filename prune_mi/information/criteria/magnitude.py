"""Control: how large a unit's weights are; it looks at no image.

    gain = mean |gamma| of the unit's batch norms, or where it has none, mean |w| of its kernels

A batch norm brings its input to variance 1, so its gamma alone says how large its output is; the
size of a kernel before it says nothing. Units with and without batch norm do not compare well. A
unit that has neither counts as the mean of those that have.

Source: Liu et al. (2017), Learning efficient convolutional networks through network slimming (of
gammas); Han et al. (2015), Learning both weights and connections for efficient neural networks.
"""

from collections.abc import Sequence

import numpy as np

from prune_mi.graph.ir import LayerGraph
from prune_mi.information.criterion import NUM_DRAWS, Criterion, RankingRequest, Scores


def magnitude(request: RankingRequest) -> Scores:
    """Mean size of weights: see above. Other images would change nothing."""
    found = [_magnitude(request.graph, site.nodes) for site in request.sites]
    known = [each for each in found if each is not None]
    usual = float(np.mean(known)) if known else 0.0
    gains = np.array([usual if each is None else each for each in found])
    return Scores(gains, np.repeat(gains[:, None], NUM_DRAWS, axis=1))


CRITERION = Criterion(magnitude, measure="score")


def _magnitude(graph: LayerGraph, calls: Sequence[str]) -> float | None:
    layers = {graph.node_by_name[name].layer: None for name in calls}
    gammas, kernels = [], []
    for name in layers:
        layer = graph.layers[name]
        for weight, weight_name in zip(layer.weights, layer.weight_names, strict=True):
            if layer.class_name == "BatchNormalization" and weight_name == "gamma":
                gammas.append(np.abs(weight).ravel())
            elif weight_name.endswith("kernel"):
                kernels.append(np.abs(weight).ravel())
    sizes = gammas or kernels
    return float(np.mean(np.concatenate(sizes), dtype=np.float64)) if sizes else None
