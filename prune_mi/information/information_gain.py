"""The gain of a unit as a difference of information between its two ends.

    gain = I(after; Y) - I(before; Y)

What the tensor behind a unit says about the class beyond what the tensor that would stand in for it
says. For a residual branch that is the sum against the shortcut. Both are taken where their readers
see them, behind an activation that alone reads them, so that a rectified tensor is compared with a
rectified one. A tensor inside a branch says little of the class by itself, whatever it adds to the
sum, so a unit inside a branch is credited with the whole branch's gain: no part of it can add more.
For a part of a concatenation, the whole is compared with what is left of it.
"""

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.site import Site
from prune_mi.graph.traits import ACTIVATIONS
from prune_mi.information.criterion import NUM_DRAWS, RankingRequest, Scores, even_and_drawn
from prune_mi.information.estimator import EstimatorCriterion
from prune_mi.information.features import layer_features

_Tensor = tuple[TensorRef, ...]  # one, or several side by side


def information_gains(criterion: EstimatorCriterion, request: RankingRequest) -> Scores:
    """Gains from the features at the ends of sites.

    Args:
        criterion: Its estimator is asked once for each tensor and seed; the same samples and seeds
            for all.
        request: Its settings say how many seeds are averaged.
    """
    graph, settings = request.graph, request.settings
    branches = [site for site in request.sites if site.kind == "branch"]
    ends = [_ends(graph, _enclosing(site, branches)) for site in request.sites]
    tensors = list(dict.fromkeys(tensor for pair in ends for tensor in pair))
    refs = list(dict.fromkeys(ref for tensor in tensors for ref in tensor))
    features = layer_features(
        graph, refs, request.images, request.scaling, reduction=criterion.reduction
    )
    num_clusters = criterion.num_clusters(settings, request.num_groups)
    weights = even_and_drawn(len(request.groups), seed=request.seed)
    even, drawn = weights[:1], weights[1:]
    bits, information = np.empty(len(tensors)), np.empty(len(tensors))
    draws = np.empty((len(tensors), NUM_DRAWS))
    for row, tensor in enumerate(tensors):
        found = np.concatenate([features[ref] for ref in tensor], axis=1)
        with threadpool_limits(1):  # the matrices are small: threads would wait for each other
            by_seed = [
                criterion.estimator(found, request.groups, num_clusters, request.seed + repeat)
                for repeat in range(settings.num_seeds)
            ]
        bits[row] = np.mean([each.bits(even)[0] for each in by_seed])
        # Gains keep the bias: it is much the same at both ends of a unit, and the correction, the
        # same line for all tensors of so many clusters, would change no order. Information is never
        # negative; an estimate of none may be.
        corrected = np.mean([each.corrected_bits(request.seed) for each in by_seed])
        information[row] = max(float(corrected), 0.0)
        # A draw has one of the seeds: it varies by samples and by seeds.
        for repeat, each in enumerate(by_seed):
            part = slice(repeat, None, settings.num_seeds)
            draws[row, part] = each.bits(drawn[part])
    before, after = ([tensors.index(pair[end]) for pair in ends] for end in (0, 1))
    gains, behind = bits[after] - bits[before], information[after]
    return Scores(
        gains=gains,
        draws=_moved(draws[after] - draws[before], gains),
        information=behind,
        information_draws=np.maximum(_moved(draws[after], behind), 0.0),
    )


def _moved(draws: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Draws, moved to where the estimates are.

    A sample drawn twice is news to no clustering: the bias of draws is about twice the bias of the
    estimate. What counts is how they vary.
    """
    return np.asarray(draws + (estimates - draws.mean(axis=1))[:, None])


def _ends(graph: LayerGraph, site: Site) -> tuple[_Tensor, _Tensor]:
    """The tensor that would stand in for a site's, and the site's own."""
    if site.kind == "part":
        whole = graph.node_by_name[site.after.node].inputs
        return tuple(ref for place, ref in enumerate(whole) if place != site.position), whole
    return (_seen(graph, site.before),), (_seen(graph, site.after),)


def _enclosing(site: Site, branches: Sequence[Site]) -> Site:
    """The smallest branch that a site lies inside, or the site itself."""
    inside = set(site.nodes)
    around = [each for each in branches if each is not site and inside < set(each.nodes)]
    return min(around, key=lambda each: len(each.nodes), default=site)


def _seen(graph: LayerGraph, ref: TensorRef) -> TensorRef:
    """The tensor behind an activation that alone reads `ref`, else `ref` itself."""
    readers = graph.consumers.get(ref, ())
    if len(readers) == 1 and graph.layer_of(readers[0]).class_name in ACTIVATIONS:
        return TensorRef(readers[0].name)
    return ref
