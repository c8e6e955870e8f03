"""How the answers of one run are judged: its task, its metric, its judged output."""

from dataclasses import dataclass

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.metric import Metric
from prune_mi.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges answers.

    Qualities are 1 for perfect answers; of an error, 0 at chance, see `Metric.is_error`.

    Attributes:
        task: What the model is for.
        metric: What is kept.
        head: The judged output.
        scale: Of an error, what chance makes of it on the training samples; else 1.
    """

    task: Task
    metric: Metric
    head: Head
    scale: float = 1.0

    def compact(self, outputs: np.ndarray) -> np.ndarray:
        """What has to be kept of raw outputs for everything below; raw ones will do, too."""
        return self.task.compact(outputs, self.head)

    def scores(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """What each sample scores, bool or float32 `(n,)`."""
        return self.scores_by(self.metric, outputs, truth)

    def scores_by(self, metric: Metric, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """The same by another metric of the task."""
        scores = metric.scores(outputs, truth, self.head)
        if metric.is_error:
            scores = 1 - scores / self.scale
        return scores if scores.dtype == bool else scores.astype(np.float32)

    def weights(self, truth: np.ndarray) -> np.ndarray:
        """What each sample weighs in the metric, float64 `(n,)`, above 0; they sum to 1."""
        found = self.metric.weights(truth)
        return np.full(len(truth), 1 / len(truth)) if found is None else found

    def quality(self, scores: np.ndarray, truth: np.ndarray) -> float:
        """The metric of scores; a number that is no metric of any but the same samples."""
        return _mean(scores, self.metric.weights(truth))

    def measured(self, outputs: np.ndarray, truth: np.ndarray) -> float:
        """The metric of answers, as people know it: see `value`."""
        return self.value(self.quality(self.scores(outputs, truth), truth))

    def all_metrics(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """Every metric of the task, as people know it."""
        found = {}
        for metric in self.task.metrics:
            scores = metric.scores(outputs, truth, self.head)
            found[metric.name] = _mean(scores, metric.weights(truth))
        return found

    def value(self, quality: float) -> float:
        """A quality as people know the metric: an error in its own unit."""
        return (1 - quality) * self.scale if self.metric.is_error else quality

    def drop(self, allowed: float) -> float:
        """An allowed loss, which of an error is in its unit, as one of quality."""
        return allowed / self.scale

    def chance(self, truth: np.ndarray) -> float:
        """The quality of the best constant answer; 0 of an error."""
        if self.metric.is_error:
            return 0.0
        return self.metric.chance(truth, self.head.shape[-1])


def judge_of(task: Task, metric: Metric, head: Head, truth: np.ndarray) -> Judge:
    """A judge whose errors are in units of chance's, on some training samples."""
    if not metric.is_error:
        return Judge(task, metric, head)
    return Judge(task, metric, head, max(metric.chance(truth, head.shape[-1]), 1e-12))


def _mean(scores: np.ndarray, weights: np.ndarray | None) -> float:
    if weights is None:
        return float(np.mean(scores, dtype=np.float64))
    return float(weights @ scores)
