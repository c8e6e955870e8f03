"""Budgets that no run can meet, refused before the user has waited.

What comes before the search is known only once it is done; here are bounds from below for it, from
the size of the model and of the data alone.
"""

import math

from prune_mi.errors import BudgetError
from prune_mi.evolution.timing import build_seconds, closing_build_seconds
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.search.budget import Budget

LEAST_BUDGET_SECONDS = 15.0
_USUAL_BUDGET_SECONDS = 120.0  # what small models can be asked for with
_LEAST_SHARE = 0.3  # of a budget that has to be left for search and final training
_WORKERS_START_SECONDS = 2.0
_BUILDS = 5  # of the study, which also traces what it builds
_MACS_A_SECOND = 1e13  # more than the processors that this runs on do
_USUAL_FACTOR = 3.0  # times the least that it commonly takes


def require_possible(budget: Budget) -> None:
    """Refuses what is over before a backend is loaded and a file is written.

    Raises:
        BudgetError: If the budget is below the least that any run takes.
    """
    if budget.total is not None and budget.total < LEAST_BUDGET_SECONDS:
        raise BudgetError(
            f"the budget of {budget.total:.0f} s is too short: every run takes at least "
            f"{LEAST_BUDGET_SECONDS:.0f} s, and most take minutes; expected for instance --budget "
            f"{_USUAL_BUDGET_SECONDS:.0f}s"
        )


def require_worthwhile(
    budget: Budget, graph: LayerGraph, *, num_test_images: int, control: bool
) -> None:
    """Refuses a budget that is known to be too short once model and data are loaded.

    Args:
        budget: The run's clock.
        graph: The original.
        num_test_images: Images that result and control are asked about at the end.
        control: Whether there is a control.

    Raises:
        BudgetError: If study and end leave less than three tenths of it, however fast the machine.
    """
    if budget.total is None:
        return
    ahead = least_seconds(graph, num_test_images=num_test_images, control=control)
    elapsed = budget.elapsed()
    if elapsed + ahead <= (1 - _LEAST_SHARE) * budget.total:
        return
    needed = (elapsed + _USUAL_FACTOR * ahead) / (1 - 1.3 * _LEAST_SHARE)
    raise BudgetError(
        f"the budget of {budget.total:.0f} s is too short: loading took {elapsed:.0f} s, and "
        f"studying the model and measuring the result will take at least {ahead:.0f} s; expected "
        f"--budget {math.ceil(needed)}s or more"
    )


def least_seconds(graph: LayerGraph, *, num_test_images: int, control: bool) -> float:
    """Seconds that a run takes at least beside search and final training; see the above."""
    models = 3 if control else 2
    asking = models * num_test_images * graph_cost(graph).macs / _MACS_A_SECOND
    study = _WORKERS_START_SECONDS + _BUILDS * build_seconds(graph)
    return study + asking + closing_build_seconds(graph)
