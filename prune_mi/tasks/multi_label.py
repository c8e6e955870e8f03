"""Several yes or no for each sample, each by a sigmoid of its own.

labels     mean label accuracy: the share of labels that are told right, sample by sample
macro-f1   mean over labels of F1 = 2 tp / (2 tp + fp + fn), labels that are never yes left out
"""

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.metric import Metric, ratio_scores
from prune_mi.tasks.probabilities import TINY
from prune_mi.tasks.task import Part, Task


def decisions(answers: np.ndarray, head: Head) -> np.ndarray:
    """Yes (1) or no (0) for each label, int8 `(n, labels)`; -1 where an output is not finite."""
    outputs = head.of(answers)
    yes = outputs > (0.0 if head.from_logits else 0.5)
    return np.where(np.isfinite(outputs), yes, -1).astype(np.int8)


def _share_right(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    return np.asarray((decisions(answers, head) == truth).mean(axis=1))


def _f1(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    told, asked = decisions(answers, head) == 1, truth == 1
    both = (told & asked).astype(np.float64)
    return ratio_scores(2 * both, told.astype(np.float64) + asked)


def _commonest_answers(truth: np.ndarray, num_labels: int) -> float:
    yes = truth.mean(axis=0)
    return float(np.maximum(yes, 1 - yes).mean())


def _always_yes(truth: np.ndarray, num_labels: int) -> float:
    yes = truth.mean(axis=0)
    there = yes > 0
    return float((2 * yes[there] / (1 + yes[there])).mean()) if there.any() else 0.0


def probabilities(outputs: np.ndarray, head: Head) -> np.ndarray:
    """Of each label, float64 `(n, labels)`, none of them 0 or 1."""
    values = head.of(outputs).astype(np.float64)
    if head.from_logits:
        values = 0.5 * (1 + np.tanh(values / 2))  # a sigmoid that does not overflow
    return np.asarray(np.clip(values, TINY, 1 - TINY))


def _divergence(known: np.ndarray, left: np.ndarray, head: Head) -> np.ndarray:
    """Sum over labels of KL(p || q) of two answers, in bits."""
    p, q = (probabilities(each, head) for each in (known, left))
    nats = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    return np.asarray(nats.sum(axis=1) / np.log(2))


def _targets(truth: np.ndarray, teacher: np.ndarray | None, head: Head) -> np.ndarray:
    """Labels and the original's log-odds, float32 `(n, 2 labels)`."""
    flags = truth.astype(np.float32)
    if teacher is None:
        return np.concatenate([flags, np.zeros_like(flags)], axis=1)
    p = probabilities(teacher, head)
    return np.concatenate([flags, np.log(p / (1 - p))], axis=1, dtype=np.float32)


def _parts(answers: np.ndarray, truth: np.ndarray, head: Head) -> list[Part]:
    told, everyone = decisions(answers, head) == truth, np.ones(len(truth), bool)
    return [Part(place, everyone, told[:, place]) for place in range(truth.shape[1])]


TASK = Task(
    name="multi-label",
    form="flags",
    metrics=(
        Metric("labels", "mean label accuracy", _share_right, _commonest_answers),
        Metric("macro-f1", "macro F1", _f1, _always_yes, is_mean=False),
    ),
    loss="flags",
    divergence=_divergence,
    targets=_targets,
    parts=_parts,
    part="label",
    by_part="accuracy by label",
    decisions=decisions,
)
