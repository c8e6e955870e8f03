"""What trained children of a run have shown, and what that lets expect of others."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from prune_mi.search.candidate import Trained
from prune_mi.search.learning_curve import (
    CurvePoint,
    expected_gain,
    fit_exponent,
    predict_short,
)
from prune_mi.search.selection import chance_of_success, error_of, share_that_stays


class Forecast:
    """Expects what children lose in the end, by the learning curves of those seen.

    Args:
        start: The original, against which accuracy is lost.
        horizon: Images that a candidate can have been trained on when the run ends.
        train_quality: Accuracy of the original on its own training images.
    """

    def __init__(
        self, start: Trained, horizon: Callable[[Trained], int], *, train_quality: float = 1.0
    ) -> None:
        self._start = start
        self._gain = expected_gain(train_quality)
        self._horizon = horizon
        self._error = error_of(start)
        self._seen: dict[str, list[Trained]] = {}
        self._exponent = fit_exponent([], error=self._error)

    def observe(self, trained: Sequence[Trained]) -> None:
        """Takes note of how far trainings came, also those that made a candidate worse."""
        for each in trained:
            # Without its weights, which are not needed.
            light = replace(each, graph=self._start.graph)
            self._seen.setdefault(each.name, []).append(light)
        pairs = [
            (self._point(each[0]), self._point(each[-1]))
            for each in self._seen.values()
            if len(each) > 1
        ]
        self._exponent = fit_exponent(pairs, error=self._error)

    def loss(self, candidate: Trained) -> float:
        """Accuracy against the start that will still be lost after the final training."""
        return self._short(candidate) - self._gain

    def chance(self, candidate: Trained, allowed: float) -> float:
        """The chance that it ends within an allowed drop."""
        short = self._short(candidate)
        return chance_of_success(short, allowed + self._gain)

    def share_that_stays(self) -> float:
        """The share of what screened children have lost that is expected to stay lost."""
        pairs = [
            (self._start.quality - best.screened_quality, self.loss(best))
            for points in self._seen.values()
            if (best := max(points, key=lambda each: each.quality)).screened_quality is not None
        ]
        return share_that_stays(pairs)

    def _short(self, candidate: Trained) -> float:
        images = self._horizon(candidate)
        return predict_short(self._point(candidate), images=images, exponent=self._exponent)

    def _point(self, candidate: Trained) -> CurvePoint:
        best = self._start.quality + self._gain
        return CurvePoint(candidate.own_images, best - candidate.quality)
