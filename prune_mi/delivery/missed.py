"""Which limits the nearest model misses, and by how much, where no model kept all of them."""

from prune_mi.costs.objective import Objective
from prune_mi.report.wording import accuracy_text, amount_text, share_text
from prune_mi.search.candidate import Trained


def missed_limits(closest: Trained, objective: Objective, *, judged_by: Trained) -> tuple[str, ...]:
    """A sentence for each limit that a model does not keep.

    Args:
        closest: The nearest to the targets, with its margin.
        objective: The run's.
        judged_by: What the drop is measured against.
    """
    told = []
    for each in objective.targets:
        amount, kind = closest.cost.amounts[each.kind.name], each.kind
        if amount > each.most:
            told.append(
                f"{kind.label}: {amount_text(kind, amount)}, "
                f"{share_text(each.excess(closest.cost))} over the target of "
                f"{amount_text(kind, each.most)}"
            )
    drop = judged_by.quality - closest.quality
    if objective.may_lose is not None and drop + closest.margin > objective.may_lose:
        margin = f" with a margin of {closest.margin:.4f}" if closest.margin else ""
        over = drop + closest.margin - objective.may_lose
        told.append(
            f"accuracy on validation images: {accuracy_text(drop)} lost{margin}, {over:.4f} more "
            f"than the allowed {objective.may_lose:g}"
        )
    return tuple(told)
