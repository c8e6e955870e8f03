"""One class of several for each sample.

Accuracies are weighted means of right answers, sum of w_i [answer i is right]:

    accuracy   w_i = 1 / n
    balanced   w_i = 1 / (C n_c),  n_c the samples of the class c of sample i, C the classes present
    top-5      w_i = 1 / n; right where the class is among the five that are likeliest
"""

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.metric import Metric, commonest_share
from prune_mi.tasks.probabilities import log_probabilities
from prune_mi.tasks.task import Part, Task

_TOP = 5
_TEMPERATURE = 5.0  # see `information.criteria.bypass`


def right(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    """Bool `(n,)`, whether the largest output is the class's."""
    return np.asarray(decisions(answers, head) == truth)


def balancing_weights(labels: np.ndarray) -> np.ndarray:
    """What each sample weighs in the mean over classes; see above."""
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[places]))


def _among_top(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    outputs = head.of(answers)
    own = np.take_along_axis(outputs, truth[:, None], axis=1)
    return np.asarray((outputs > own).sum(axis=1) < _TOP)


def _commonest_five(labels: np.ndarray, num_classes: int) -> float:
    _, counts = np.unique(labels, return_counts=True)
    return float(np.sort(counts)[-_TOP:].sum() / len(labels))


def _one_of_present(labels: np.ndarray, num_classes: int) -> float:
    return 1 / len(np.unique(labels))


def divergence(known: np.ndarray, left: np.ndarray, head: Head) -> np.ndarray:
    """KL(p || q) of softened class probabilities, in bits, float64 `(n,)`."""
    before, after = (_softened(each, head) for each in (known, left))
    return np.asarray((np.exp(before) * (before - after)).sum(axis=1).clip(0.0) / np.log(2))


def _softened(outputs: np.ndarray, head: Head) -> np.ndarray:
    """Natural logarithms of the softened class probabilities, float64 `(n, classes)`."""
    scores = head.of(outputs).astype(np.float64)
    if not head.from_logits:
        scores = np.log(np.clip(scores, 1e-7, 1.0))
    scores /= _TEMPERATURE
    scores -= scores.max(axis=1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))


def targets(truth: np.ndarray, teacher: np.ndarray | None, head: Head) -> np.ndarray:
    """One-hot classes and the original's log-probabilities, float32 `(n, 2 classes)`."""
    one_hot = np.eye(head.size, dtype=np.float32)[truth]
    if teacher is None:
        return np.concatenate([one_hot, np.zeros_like(one_hot)], axis=1)
    known = log_probabilities(head.of(teacher), from_logits=head.from_logits)
    return np.concatenate([one_hot, known], axis=1, dtype=np.float32)


def parts(answers: np.ndarray, truth: np.ndarray, head: Head) -> list[Part]:
    """Each class that is there."""
    scores = right(answers, truth, head)
    return [Part(int(label), truth == label, scores) for label in np.unique(truth)]


def decisions(answers: np.ndarray, head: Head) -> np.ndarray:
    """The class, int `(n,)`; -1 where an output is not finite."""
    classes = head.of(answers)
    return np.where(np.isfinite(classes).all(axis=1), classes.argmax(axis=1), -1)


ACCURACY = Metric("accuracy", "accuracy", right, commonest_share)
BALANCED = Metric(
    "balanced", "balanced accuracy", right, _one_of_present, weights=balancing_weights
)
TOP_FIVE = Metric("top-5", "top-5 accuracy", _among_top, _commonest_five)

TASK = Task(
    name="classification",
    form="classes",
    metrics=(ACCURACY, BALANCED, TOP_FIVE),
    loss="classes",
    divergence=divergence,
    targets=targets,
    parts=parts,
    part="class",
    by_part="accuracy by class",
    decisions=decisions,
)
