"""The frontier in the closing table."""

import dataclasses
import io

from rich.console import Console

from prune_mi.records import FrontierPoint, RunReport
from prune_mi.report.frontier import print_frontier
from prune_mi.report.summary import print_summary


def _point(name: str, macs: int, accuracy: float, *, is_result: bool = False) -> FrontierPoint:
    costs = {"macs": macs, "params": macs // 100}
    return FrontierPoint(name, costs, accuracy, 1000, is_result, name != "reference")


POINTS = (
    _point("reference", 12_500_000, 0.8752),
    _point("g1c3", 8_000_000, 0.87, is_result=True),
    _point("g2c1", 5_000_000, 0.84),
)


def _printed(points: tuple[FrontierPoint, ...], **options: bool) -> str:
    console = Console(file=io.StringIO(), width=100)
    print_frontier(points, "smaller", console, original=POINTS[0].costs, **options)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_every_point_with_its_costs_and_how_to_have_another() -> None:
    text = _printed(POINTS)
    assert "g1c3 (result)" in text and "-36.0 %" in text and "0.8400" in text
    assert "prune-mi pick smaller --name g2c1" in text


def test_changes_are_told_against_an_original_that_something_beats() -> None:
    better = _point("g1c1", 10_000_000, 0.88)
    text = _printed((better, *POINTS[1:]))
    assert "reference" not in text and "-20.0 %" in text and "-36.0 %" in text


def test_of_many_points_some_are_shown_and_the_result_is_among_them() -> None:
    many = tuple(
        _point(f"g1c{place}", 1000 - place, 0.9 - place / 1000, is_result=place == 7)
        for place in range(40)
    )
    text = _printed(many)
    assert "of 40)" in text and "g1c7 (result)" in text and "g1c39" in text


def test_where_there_is_no_other_point_nothing_is_shown() -> None:
    assert _printed(POINTS[:2]) == ""
    assert "pick" not in _printed(POINTS, ended=False)


def test_it_stands_in_the_summary(report: RunReport) -> None:
    console = Console(file=io.StringIO(), width=100)
    print_summary(dataclasses.replace(report, frontier=POINTS), console)
    assert "g1c3 (result)" in console.file.getvalue()  # type: ignore[attr-defined]
