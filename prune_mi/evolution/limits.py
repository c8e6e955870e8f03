"""The allowed drop of a run: what of it selection leaves unused, and how likely it is to hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.costs.objective import Objective, named_objective
from prune_mi.measure.limit import (
    Chosen,
    Drop,
    choose_within,
    expected_error,
    images_needed,
    paired_drop,
    safety_margin,
)
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import Observer, TrainedChild
from prune_mi.search.candidate import Trained


@dataclass(frozen=True, slots=True, eq=False)
class AllowedDrop:
    """What may be lost against the original, image by image.

    Attributes:
        before: bool or float `(n,)`, what each validation image scores by what drops count from.
        weights: float64 `(n,)`, see `Judge.weights`.
        limit: The allowed drop of quality, see `Judge.drop`; None: any.
        confidence: See `safety_margin`.
        num_unseen: Test images that no selection sees.
        expected_margin: What acceptance will leave unused, before there is a child to tell.
    """

    before: np.ndarray
    weights: np.ndarray
    limit: float | None
    confidence: float | None
    num_unseen: int
    expected_margin: float

    def drop(self, scores: np.ndarray) -> Drop:
        """What a model loses, from what each validation image scores."""
        return paired_drop(self.before, scores, self.weights)

    def with_margin(self, candidate: Trained, *, bias: float = 0.0) -> Trained:
        """A candidate with what its acceptance leaves unused of the limit.

        Args:
            candidate: Trained, or with other statistics.
            bias: How much smaller drops look for having been chosen; added to the margin where a
                confidence was asked for.
        """
        if self.limit is None:
            return replace(candidate, margin=0.0)
        margin = safety_margin(
            self.drop(candidate.scores),
            self.limit,
            confidence=self.confidence,
            num_unseen=self.num_unseen,
        )
        return replace(candidate, margin=margin + (bias if self.confidence is not None else 0.0))

    def chosen(
        self, children: Sequence[TrainedChild], *, objective: Objective, seed: int
    ) -> Chosen:
        """What a choice among trained children would be, and what it is worth.

        Where any drop is allowed, nothing is chosen by it.
        """
        if self.limit is None:
            return Chosen(None, 0.0, 0.0)
        fit = [each for each in children if objective.is_feasible(each.cost)]
        ordered = sorted(fit, key=lambda each: objective.amount(each.cost))
        return choose_within(
            self.before,
            [each.scores for each in ordered],
            self.weights,
            limit=self.limit,
            confidence=self.confidence,
            num_unseen=self.num_unseen,
            rng=np.random.default_rng((seed, 6)),
            best=bool(objective.targets),
        )


def allowed_drop(baseline: Baseline, settings: OptimizeSettings, observer: Observer) -> AllowedDrop:
    """The allowed drop of a run; the observer hears where there are too few images to keep it."""
    truth, judge = baseline.images.validation_truth, baseline.judge
    drop, asked = settings.allowed_drop, settings.confidence
    limit = None if drop is None else judge.drop(drop)
    num_images, num_unseen = len(truth), len(baseline.roles.unseen)
    weights = judge.weights(truth)
    # Rare classes weigh more: as much is known of all as so many equal images would tell.
    telling = round(1 / float(weights @ weights))
    whole = baseline.judged_by
    scores = whole.scores
    allowed = AllowedDrop(
        before=scores,
        weights=weights,
        limit=limit,
        confidence=asked,
        num_unseen=num_unseen,
        expected_margin=0.0,
    )
    if limit is None:
        return allowed
    spread = None if scores.dtype == bool else float(scores.std())
    error = expected_error(whole.quality, limit, telling, spread=spread)
    margin = safety_margin(
        Drop(limit, error, num_images), limit, confidence=asked, num_unseen=num_unseen
    )
    needed = None
    if limit > 0 and named_objective(settings.objective).makes_smaller:
        needed = images_needed(
            whole.quality,
            limit,
            confidence=asked,
            num_images=telling,
            num_unseen=num_unseen,
            spread=spread,
        )
    if needed is not None:
        share = "all" if margin >= limit else f"about {margin / limit:.0%}"
        kept = (
            f"a confidence of {asked} uses up {share} of the allowed drop as a margin"
            if asked is not None
            else "an error of this size uses up at least half of the allowed drop"
        )
        observer.note(
            f"{num_images} validation images are few for an allowed drop of "
            f"{drop:g}. The drop of a smaller model can be measured only to "
            f"about ±{error * judge.scale:.4f}, and {kept}. Use about "
            f"{needed:,} validation images, or a larger --max-accuracy-drop."
        )
    return replace(allowed, expected_margin=margin)
