"""Control: how far the features that the classifier reads move when a unit goes.

    gain = 1 - CKA(X, X'),    CKA(X, X') = HSIC(X, X') / sqrt(HSIC(X, X) HSIC(X', X')),

X being the features before the last layer with a kernel, X' those of the network without the unit,
on the same images. With linear kernels K = X X^T and sample weights w, which sum to 1,

    HSIC = sum_ij w_i w_j K_ij L_ij - 2 sum_i w_i (K w)_i (L w)_i + (w^T K w) (w^T L w)

is that of features centred under w: so one pass serves the whole bootstrap. No labels are asked:
what moves counts, whether the class hangs on it or not.

Source: Kornblith et al. (2019), Similarity of neural network representations revisited; as a
criterion for removing layers, Pons et al. (2024), Effective layer pruning through similarity metric
perspective.
"""

import numpy as np

from prune_mi.information.ablation import Ablation, last_features
from prune_mi.information.criterion import Criterion, RankingRequest, Scores, even_and_drawn
from prune_mi.information.features import reducer


def cka(request: RankingRequest) -> Scores:
    """1 - CKA of the penultimate features, in [0, 1]: see above."""
    ablation = Ablation(request, thrifty=True, read=lambda graph: (last_features(graph),))
    pool = reducer(request.graph, last_features(request.graph), "pool")
    (before,), without = ablation.gathered(pool)
    weights = even_and_drawn(len(before), seed=request.seed)
    moved = np.stack([1 - weighted_cka(before, after, weights) for (after,) in without])
    return Scores.of_weightings(moved[ablation.rows()])


CRITERION = Criterion(cka, measure="share", needs_same_shape=True)


def weighted_cka(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Linear CKA under each of some weightings of the samples.

    Args:
        one: float `(n, d)`.
        other: float `(n, e)`.
        weights: float `(num_weightings, n)`; rows sum to 1.

    Returns:
        float64 `(num_weightings,)` in [0, 1]; 0 where features do not vary, and so say nothing.
    """
    grams = []
    for features in (one, other):
        # Of large means, for accuracy.
        centred = features.astype(np.float64) - features.mean(axis=0)
        grams.append(centred @ centred.T)
    first, second = grams
    cross = _hsic(first, second, weights)
    scale = np.sqrt(_hsic(first, first, weights) * _hsic(second, second, weights))
    return np.asarray(np.clip(cross / np.where(scale > 0, scale, np.inf), 0.0, 1.0))


def _hsic(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    ones, others = weights @ one, weights @ other
    product = ((weights @ (one * other)) * weights).sum(axis=1)
    crossed = (weights * ones * others).sum(axis=1)
    means = (weights * ones).sum(axis=1) * (weights * others).sum(axis=1)
    return np.asarray(np.maximum(product - 2 * crossed + means, 0.0))
