"""Which limits the nearest model misses, and by how much, where no model kept all of them."""

from prune_mi.costs.objective import Objective
from prune_mi.preparation.baseline import Baseline
from prune_mi.report.wording import accuracy_text, amount_text, share_text
from prune_mi.search.candidate import Trained


def missed_limits(closest: Trained, objective: Objective, baseline: Baseline) -> tuple[str, ...]:
    """A sentence for each limit that a model does not keep.

    Args:
        closest: The nearest to the targets, with its margin.
        objective: The run's.
        baseline: What the drop is measured against, and by which metric.
    """
    told, judge = [], baseline.judge
    for each in objective.targets:
        amount, kind = closest.cost.amounts[each.kind.name], each.kind
        if amount > each.most:
            told.append(
                f"{kind.label}: {amount_text(kind, amount)}, "
                f"{share_text(each.excess(closest.cost))} over the target of "
                f"{amount_text(kind, each.most)}"
            )
    if objective.may_lose is not None:
        allowed, unit = judge.drop(objective.may_lose), judge.scale
        drop = baseline.judged_by.quality - closest.quality
        over = drop + closest.margin - allowed
        if over > 0:
            margin = f" with a margin of {closest.margin * unit:.4f}" if closest.margin else ""
            told.append(
                f"{judge.metric.words} on validation images: {accuracy_text(drop * unit)} "
                f"lost{margin}, {over * unit:.4f} more than the allowed {objective.may_lose:g}"
            )
    return tuple(told)
