"""A point of a frontier chosen by limits."""

import re
from dataclasses import replace

import pytest

from prune_mi.costs.choice import Limits, choose_point, named_point
from prune_mi.errors import ConfigError, ExitCode, NothingFitsError
from prune_mi.records import FrontierPoint

ORIGINAL = {"macs": 1000, "params": 100}


def _point(name: str, macs: int, params: int, metric: float) -> FrontierPoint:
    costs = {"macs": macs, "params": params}
    return FrontierPoint(name, costs, metric, 10, False, name != "reference")


POINTS = (
    _point("reference", 1000, 100, 0.90),
    _point("a", 700, 90, 0.89),
    _point("b", 500, 95, 0.87),
    _point("c", 300, 40, 0.80),
)


def _chosen(most: dict[str, float] | None = None, drop: float | None = None) -> str:
    limits = Limits(most or {}, drop)
    return choose_point(POINTS, limits, costs=ORIGINAL, val_metric=0.9, told_by="macs").name


@pytest.mark.parametrize(
    ("most", "drop", "name"),
    [
        ({"macs": 0.8}, None, "a"),
        ({"macs": 600.0}, None, "b"),
        ({"params": 0.5}, None, "c"),
        ({"macs": 600.0, "params": 50.0}, None, "c"),
        (None, 0.03, "b"),
        (None, 0.5, "c"),
        ({"macs": 0.8}, 0.03, "a"),
    ],
)
def test_under_costs_the_most_accurate_else_the_cheapest(
    most: dict[str, float] | None, drop: float | None, name: str
) -> None:
    assert _chosen(most, drop) == name


def test_of_an_error_less_is_better() -> None:
    points = tuple(replace(each, val_metric=1 - each.val_metric) for each in POINTS)

    def chosen(limits: Limits) -> str:
        return choose_point(
            points, limits, costs=ORIGINAL, val_metric=0.1, told_by="macs", is_error=True
        ).name

    assert chosen(Limits({"macs": 600.0})) == "b"
    assert chosen(Limits(max_drop=0.03)) == "b"
    with pytest.raises(NothingFitsError, match=r"nearest is a: 0\.0100 lost .* 0\.0090 more"):
        chosen(Limits(max_drop=0.001))


def test_where_none_fits_the_nearest_is_told() -> None:
    told = "The nearest is c: 300 MACs, 50.0% over 200"
    with pytest.raises(NothingFitsError, match=re.escape(told)) as caught:
        _chosen({"macs": 0.2})
    assert caught.value.exit_code == ExitCode.NOTHING_SMALLER
    with pytest.raises(NothingFitsError, match=r"nearest is a: 0\.0100 lost .* 0\.0090 more"):
        _chosen(drop=0.001)


def test_no_limit_and_no_such_name() -> None:
    with pytest.raises(ConfigError, match="received no limit"):
        _chosen()
    assert named_point(POINTS, "b").name == "b"
    with pytest.raises(ConfigError, match="no model 'reference' to pick; expected one of a, b, c"):
        named_point(POINTS, "reference")
