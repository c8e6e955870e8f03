"""How many there are for each sample: numbers from 0, foretold as the mean of a Poisson law.

    d2    mean over numbers of D^2 = 1 - E[d(y, p)] / E[d(y, mean y)],
    d     the deviance, 2 (y ln(y / p) - y + p)

D^2 is what R^2 is for squared errors (Hastie et al., Statistical Learning with Sparsity, 2015,
section 3.1). The mean of y is where E[d(y, .)] is least, so its own error is of second order, and
D^2 is linearised as any ratio.
"""

from dataclasses import replace

import numpy as np

from prune_mi.errors import DataError
from prune_mi.tasks.head import Head
from prune_mi.tasks.metric import Metric, ratio_scores, zero_at_chance
from prune_mi.tasks.regression import TASK as REGRESSION
from prune_mi.tasks.task import Part

_LEAST = 1e-3  # answers below it, which no Poisson law has, stand for it


def _deviance(counts: np.ndarray, means: np.ndarray) -> np.ndarray:
    logs = np.log(np.where(counts > 0, counts, 1) / means)
    return np.asarray(2 * (counts * logs - counts + means))


def _means(answers: np.ndarray, head: Head) -> np.ndarray:
    return np.maximum(head.of(answers).astype(np.float64), _LEAST)


def _parts_of_d2(
    answers: np.ndarray, truth: np.ndarray, head: Head
) -> tuple[np.ndarray, np.ndarray]:
    """Deviances of the answers and of the best constant, float64 `(n, numbers)`."""
    counts = truth.astype(np.float64)
    if counts.min() < 0:
        raise DataError(
            f"the task is counts, but the labels hold {counts.min():.6g}; expected numbers from 0, "
            "or --task regression"
        )
    middle = np.maximum(counts.mean(axis=0), _LEAST)
    apart = np.maximum(_deviance(counts, middle), _LEAST**2)  # columns that never vary count too
    return _deviance(counts, _means(answers, head)), apart


def _d2(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    return 1 - ratio_scores(*_parts_of_d2(answers, truth, head))


def _divergence(known: np.ndarray, left: np.ndarray, head: Head) -> np.ndarray:
    """KL of Poisson laws, p ln(p / q) - p + q, summed over numbers, in bits."""
    apart = _deviance(_means(known, head), _means(left, head)) / 2
    return np.asarray(apart.sum(axis=1) / np.log(2))


def _by_number(answers: np.ndarray, truth: np.ndarray, head: Head) -> list[Part]:
    own, apart = _parts_of_d2(answers, truth, head)
    everyone = np.ones(len(truth), bool)
    return [
        Part(place, everyone, 1 - ratio_scores(own[:, [place]], apart[:, [place]]))
        for place in range(truth.shape[1])
    ]


TASK = replace(
    REGRESSION,
    name="counts",
    metrics=(Metric("d2", "D²", _d2, zero_at_chance, is_mean=False), *REGRESSION.metrics),
    divergence=_divergence,
    parts=_by_number,
    by_part="D² by number",
)
