"""Budgets that no run can meet are refused before the user has waited."""

import re

import pytest

from prune_mi.errors import BudgetError
from prune_mi.evolution.early_refusal import (
    LEAST_BUDGET_SECONDS,
    least_seconds,
    require_possible,
    require_worthwhile,
)
from prune_mi.search.budget import Budget
from tests.graph_builder import chain, residual_tower


def _budget(total: float | None, elapsed: float = 0.0) -> Budget:
    return Budget(total, started=0.0, clock=lambda: elapsed)


def test_at_once() -> None:
    require_possible(_budget(None))
    require_possible(_budget(LEAST_BUDGET_SECONDS))
    with pytest.raises(
        BudgetError, match=r"budget of 14 s is too short: .* for instance --budget 120s"
    ):
        require_possible(_budget(14.0))


def test_once_model_and_data_are_loaded() -> None:
    def asked(total: float | None, elapsed: float = 6.0) -> None:
        require_worthwhile(
            _budget(total, elapsed), residual_tower(40), num_test_images=1000, control=True
        )

    asked(None)
    asked(300.0)
    with pytest.raises(BudgetError, match=r"loading took 6 s, .* at least \d+ s") as caught:
        asked(30.0)
    (told,) = re.findall(r"expected --budget (\d+)s", str(caught.value))
    asked(float(told))
    assert 30 < float(told) < 300


def test_larger_models_and_more_images_take_longer() -> None:
    def least(size: int, images: int, control: bool = True) -> float:
        return least_seconds(residual_tower(size), num_test_images=images, control=control)

    assert least(40, 1000) > least(4, 1000)
    assert least(4, 10**9) > least(4, 1000)
    assert least(4, 10**9) > least(4, 10**9, control=False)
    assert least_seconds(chain(), num_test_images=100, control=False) < 0.7 * LEAST_BUDGET_SECONDS
