"""Control: how far a site turns what passes it, as a language model's blocks are judged.

    gain = 1 - E_i [ <x_i, x'_i> / (|x_i| |x'_i|) ]

x_i being the tensor that goes into the site for image i, x'_i the one that comes out of it, each a
vector of all its values. Wide ones are projected at random, which keeps angles. What would go from
a concatenation is compared as zeros in its place: the cosine is then |rest| / |whole|. No labels
are asked, and nothing behind the site.

Source: Men et al. (2024), ShortGPT: layers in large language models are more redundant than you
expect (Block Influence).
"""

import numpy as np

from prune_mi.graph.ir import TensorRef
from prune_mi.graph.site import Site
from prune_mi.information.criterion import Criterion, RankingRequest, Scores, even_and_drawn
from prune_mi.information.features import layer_features


def block_influence(request: RankingRequest) -> Scores:
    """1 - the mean cosine of what goes in and what comes out, in [0, 2]: see above."""
    graph = request.graph

    def parts(site: Site) -> tuple[TensorRef, ...]:
        return graph.node_by_name[site.after.node].inputs if site.kind == "part" else ()

    refs = [ref for site in request.sites for ref in (site.before, site.after, *parts(site))]
    features = layer_features(
        graph,
        list(dict.fromkeys(refs)),
        request.images,
        request.scaling,
        reduction="project",
    )
    cosines = []
    for site in request.sites:
        if site.position is not None and site.kind == "part":
            squares = np.stack([np.square(features[ref]).sum(axis=1) for ref in parts(site)])
            rest = np.delete(squares, site.position, axis=0).sum(axis=0)
            cosines.append(np.sqrt(_share(rest, squares.sum(axis=0))))
        else:
            cosines.append(_cosine(features[site.before], features[site.after]))
    weights = even_and_drawn(len(request.groups), seed=request.seed)
    return Scores.of_weightings((1 - np.stack(cosines)) @ weights.T)


CRITERION = Criterion(block_influence, measure="share", needs_same_shape=True)


def _cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of each row; 1 where both are zero."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found = _share((one * other).sum(axis=1), norms, empty=(one == other).all(axis=1))
    return np.asarray(np.clip(found, -1, 1))


def _share(part: np.ndarray, whole: np.ndarray, *, empty: np.ndarray | float = 1.0) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), empty).astype(np.float64)
