"""Which limits the nearest model misses, in words."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from prune_mi.costs.catalog import cost_kind
from prune_mi.costs.objective import Objective, Target
from prune_mi.delivery.missed import missed_limits
from prune_mi.records import Cost
from tests.candidates import trained
from tests.judges import of_classes

MACS, PARAMS = cost_kind("macs"), cost_kind("params")
TARGETS = (Target(MACS, 6_000_000.0), Target(PARAMS, 50_000.0))
ORIGINAL = trained("reference", 0.9, cost=Cost(80_000, 12_000_000, 30))


def _told(quality: float, macs: int, *, may_lose: float | None) -> tuple[str, ...]:
    closest = replace(trained("g1c1", quality, cost=Cost(40_000, macs, 9)), margin=0.002)
    objective = Objective((MACS, PARAMS), TARGETS, may_lose)
    judge = of_classes(3)
    baseline: Any = SimpleNamespace(judged_by=ORIGINAL, judge=judge)
    return missed_limits(closest, objective, baseline)


def test_the_limits_that_are_missed_are_told_with_by_how_much() -> None:
    assert _told(0.87, 6_600_000, may_lose=0.02) == (
        "MACs: 6.60 M, 10 % over the target of 6.00 M",
        "accuracy on validation images: 0.0300 lost with a margin of 0.0020, 0.0120 more than the "
        "allowed 0.02",
    )


def test_what_is_kept_is_not_told() -> None:
    assert _told(0.89, 5_000_000, may_lose=0.02) == ()
    assert len(_told(0.1, 6_600_000, may_lose=None)) == 1
