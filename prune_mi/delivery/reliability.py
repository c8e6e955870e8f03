"""How far a result can be trusted: the limit, the classes, and what was left unused."""

from statistics import NormalDist

import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.costs.objective import objective_of
from prune_mi.evolution.limits import AllowedDrop
from prune_mi.evolution.strategy import Evolved
from prune_mi.measure.limit import paired_drop
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import ClassFacts, LimitFacts, TrainedChild
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import Trained
from prune_mi.tasks.judge import Judge

_OUTSIDE = 0.05  # of the intervals of all classes together
_MUCH_LEFT = 0.1  # of a budget


def limit_facts(
    result: Trained,
    evolved: Evolved,
    allowed: AllowedDrop,
    baseline: Baseline,
    settings: OptimizeSettings,
    *,
    chosen: bool,
) -> LimitFacts:
    """How much of the allowed drop a result uses, and how likely it is to stay within it.

    Args:
        result: After the final training.
        evolved: The search, with what each trained child was right on.
        allowed: What may be lost.
        baseline: The original, measured.
        settings: The run's settings.
        chosen: Whether the result is another model than the original.
    """
    scores = result.scores if chosen else allowed.before
    drop = allowed.drop(scores)
    bias, probability = 0.0, None
    objective = objective_of(settings, baseline.given.cost)
    counts = chosen and objective.bounds_loss
    if counts and allowed.limit is not None:
        others = [each for each in evolved.trained if each.name != result.name]
        judged = [*others, TrainedChild(result.name, result.cost, scores)]
        bias = allowed.chosen(judged, objective=objective, seed=settings.seed).bias
        probability = drop.chance_within(allowed.limit, allowed.num_unseen, bias=bias)
    unit = baseline.judge.scale
    return LimitFacts(
        metric=baseline.judge.metric.words,
        allowed=None if allowed.limit is None else allowed.limit * unit,
        drop=drop.value * unit,
        standard_error=drop.standard_error * unit,
        bias=bias * unit,
        kept_back=result.margin * unit if counts else 0.0,
        confidence=allowed.confidence,
        probability=probability,
        num_validation=len(scores),
        num_unseen=len(baseline.roles.unseen),
        counted_from=baseline.judge.value(baseline.judged_by.quality),
    )


def class_facts(
    before: np.ndarray, after: np.ndarray, baseline: Baseline, *, limit: float | None
) -> tuple[ClassFacts, ...]:
    """Each class, label or number before and after, on test images that no selection saw.

    Intervals are corrected for their number (Bonferroni): all of them together hold at 95 %.

    Args:
        before: The original's outputs on the whole test set, as `WorkerPool.predict` has them.
        after: The result's.
        baseline: The data, and which of its images no selection saw.
        limit: The allowed drop of quality; None: any.
    """
    unseen, data, judge = baseline.roles.unseen, baseline.data, baseline.judge
    truth = data.y_test[unseen]
    ones, others = (
        {part.place: part for part in judge.task.parts(each[unseen], truth, judge.head)}
        for each in (before, after)
    )
    found = [place for place in ones if place in others]
    reach = NormalDist().inv_cdf(1 - _OUTSIDE / 2 / max(len(found), 1))
    facts = []
    for place in found:
        rows = ones[place].rows
        one, other = ones[place].scores[rows], others[place].scores[rows]
        drop = paired_drop(one, other, np.full(len(one), 1 / len(one)))
        low, high = (-drop.value + sign * reach * drop.standard_error for sign in (-1, 1))
        facts.append(
            ClassFacts(
                name=data.class_names[place] if data.class_names else str(place),
                num_images=len(one),
                reference=float(one.mean()),
                result=float(other.mean()),
                low=low,
                high=high,
                beyond=limit is not None and high < -limit,
            )
        )
    return tuple(facts)


def class_warnings(classes: tuple[ClassFacts, ...], judge: Judge) -> list[str]:
    """A sentence for each class that has surely lost more than is allowed."""
    part = judge.task.part
    parts = f"{part}es" if part.endswith("s") else f"{part}s"
    advice = (
        "--gate max-class-drop=0.05 fails on such a result. --metric balanced keeps the mean of "
        "the classes where some have few images."
        if judge.task.loss == "classes"
        else "--gate max-class-drop=0.05 fails on such a result."
    )
    return [
        f"{part.capitalize()} {each.name} lost more than the allowed drop: {each.reference:.4f} "
        f"before, {each.result:.4f} after, on {each.num_images} test images (95 % interval of the "
        f"change {each.low:+.4f} to {each.high:+.4f}, corrected for {len(classes)} {parts}). "
        f"{advice}"
        for each in classes
        if each.beyond
    ]


def unused_facts(
    limit: LimitFacts, budget: Budget, settings: OptimizeSettings, *, smaller: bool
) -> tuple[str, ...]:
    """What of the allowed drop and of the budget was left, and why."""
    told = []
    left = 0.0 if limit.allowed is None else limit.allowed - limit.drop
    if smaller and limit.allowed is not None and left > 0 and not settings.targets:
        kept = f" ({limit.kept_back:.4f} of it is a margin for the error of the estimate)"
        much = "all" if limit.drop <= 0 else f"{left:.4f}"
        told.append(
            f"{much} of the allowed drop of {limit.allowed:g} on validation"
            f"{kept if limit.kept_back else ''}"
        )
    remaining = budget.remaining()
    if remaining is not None and budget.total is not None:
        share, why = remaining / budget.total, ""
        if share > _MUCH_LEFT and not smaller:
            why = ": there was no smaller model for a final training"
        elif share > _MUCH_LEFT and settings.final_epochs is not None:
            why = ": the final training ended after --final-epochs"
        told.append(f"{share:.0%} of the budget{why}")
    return tuple(told)
