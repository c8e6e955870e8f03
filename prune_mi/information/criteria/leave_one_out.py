"""Control: the accuracy that goes with each unit, batch norms recalibrated.

    gain = accuracy of the whole network - accuracy without the unit

on all images and for every unit by itself, which costs about half a pass over the images for each:
the most direct measure, and the slowest. Recalibrated means normalised by the batch at hand, see
`Ablation`.

Source: the control of most work on removing layers; here as in the layer pruning of Elkerdawy et
al. (2020), To filter prune, or to layer prune, that is the question.
"""

import numpy as np

from prune_mi.information.ablation import Ablation
from prune_mi.information.bootstrap import draws_of_means
from prune_mi.information.criterion import Criterion, RankingRequest, Scores


def leave_one_out(request: RankingRequest) -> Scores:
    """Accuracy lost, a fraction: see above."""
    ablation = Ablation(request, thrifty=False)
    losses = []
    for batch in ablation.batches():
        whole = _right(batch.whole[0], batch.places, request)
        losses.append([whole - _right(each[0], batch.places, request) for each in batch.without])
    lost = np.concatenate(losses, axis=1)[ablation.rows()]
    return Scores(lost.mean(axis=1), draws_of_means(lost, seed=request.seed))


CRITERION = Criterion(leave_one_out, measure="accuracy", needs_same_shape=True)


def _right(output: object, places: np.ndarray, request: RankingRequest) -> np.ndarray:
    """1.0 for each image that is put into its class, else 0.0."""
    answers = np.asarray(output)[:, : request.num_classes].argmax(axis=1)
    return np.asarray(answers == request.labels[places], dtype=np.float64)
