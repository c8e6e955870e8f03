"""Control: the accuracy that goes with each unit, batch norms recalibrated.

    gain = accuracy of the whole network - accuracy without the unit

on all images and for every unit by itself, which costs about half a pass over the images for each:
the most direct measure, and the slowest. Recalibrated means normalised by the batch at hand, see
`Ablation`.

Source: the control of most work on removing layers; here as in the layer pruning of Elkerdawy et
al. (2020), To filter prune, or to layer prune, that is the question.
"""

from typing import Any

import numpy as np

from prune_mi.information.ablation import Ablation
from prune_mi.information.criterion import Criterion, RankingRequest, Scores, even_and_drawn


def leave_one_out(request: RankingRequest) -> Scores:
    """Accuracy lost, a fraction: see above."""
    ablation = Ablation(request, thrifty=False, read=lambda graph: graph.outputs)
    truth, judge = request.truth[ablation.images], request.judge

    def answers(output: Any) -> np.ndarray:
        return judge.compact(np.asarray(output))

    (whole,), without = ablation.gathered(answers)
    before = judge.scores(whole, truth).astype(np.float64)
    lost = np.stack([before - judge.scores(answer, truth) for (answer,) in without])
    lost = lost[ablation.rows()]
    weights = even_and_drawn(len(truth), seed=request.seed)
    return Scores(lost.mean(axis=1), lost @ weights[1:].T)


CRITERION = Criterion(leave_one_out, measure="accuracy", needs_same_shape=True)
