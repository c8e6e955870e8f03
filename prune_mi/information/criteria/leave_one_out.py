"""Control: the accuracy that goes with each unit, batch norms recalibrated.

    gain = accuracy of the whole network - accuracy without the unit

on all images and for every unit by itself, which costs about half a pass over the images for each:
the most direct measure, and the slowest. Recalibrated means normalised by the batch at hand, see
`Removals`.

Source: the control of most work on removing layers; here as in the layer pruning of Elkerdawy et
al. (2020), To filter prune, or to layer prune, that is the question.
"""

import numpy as np

from prune_mi.information.bootstrap import draws_of_means
from prune_mi.information.criteria.removals import Removals
from prune_mi.information.question import Answer, Question


def leave_one_out(question: Question) -> Answer:
    """Accuracy lost, a fraction: see above."""
    removals = Removals(question, thrifty=False)
    losses = []
    for batch in removals.batches():
        whole = _right(batch.whole[0], batch.places, question)
        losses.append([whole - _right(each[0], batch.places, question) for each in batch.without])
    lost = np.concatenate(losses, axis=1)[removals.rows()]
    return Answer(lost.mean(axis=1), draws_of_means(lost, seed=question.seed))


def _right(output: object, places: np.ndarray, question: Question) -> np.ndarray:
    """1.0 for each image that is put into its class, else 0.0."""
    answers = np.asarray(output)[:, : question.num_classes].argmax(axis=1)
    return np.asarray(answers == question.labels[places], dtype=np.float64)
