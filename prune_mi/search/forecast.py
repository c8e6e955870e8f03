"""What trained children of a run have shown, and what that lets expect of others."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from prune_mi.search.candidate import Trained
from prune_mi.search.learning_curve import CurvePoint, fit_exponent, predict_lost
from prune_mi.search.selection import error_of, share_that_stays


class Forecast:
    """Expects what children lose in the end, by the learning curves of those seen.

    Args:
        start: The original, against which accuracy is lost.
        horizon: Images that a candidate can have been trained on when the run ends.
    """

    def __init__(self, start: Trained, horizon: Callable[[Trained], int]) -> None:
        self._start = start
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
        images = self._horizon(candidate)
        return predict_lost(self._point(candidate), images=images, exponent=self._exponent)

    def share_that_stays(self) -> float:
        """The share of what screened children have lost that is expected to stay lost."""
        pairs = [
            (self._start.quality - best.screened_quality, self.loss(best))
            for points in self._seen.values()
            if (best := max(points, key=lambda each: each.quality)).screened_quality is not None
        ]
        return share_that_stays(pairs)

    def _point(self, candidate: Trained) -> CurvePoint:
        return CurvePoint(candidate.own_images, self._start.quality - candidate.quality)
