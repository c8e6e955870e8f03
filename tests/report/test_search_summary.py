"""What a search shows when it is done, and that its report is read back."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from prune_mi.errors import RunFolderError
from prune_mi.records import RunReport, SearchReport
from prune_mi.report import (
    print_search_summary,
    read_report,
    read_search_report,
    write_report,
)


def _printed(report: SearchReport, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_search_summary(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_figures_changes_and_the_line_to_copy(search_report: SearchReport, width: int) -> None:
    text = _printed(search_report, width)
    words = " ".join(text.split())
    assert "Found: test accuracy 0.8123 (guessing: 0.5000) with 61,002 params." in words
    assert "seed result ensemble of 2" in words
    assert "0.4000 0.8123 0.8311" in words
    assert "layers 14, as DEIM 2019 counts them" in words
    assert "of 25 deletions tried 14 adopted" in words
    assert "90,000 images, 1,234,000 with all others; augmentation flip" in words
    assert "ensemble g2c1, g1c3" in words
    assert "  prune-mi predict runs/pets/best.keras IMAGE.png" in text
    unnamed = dataclasses.replace(search_report, files=("best.keras",))
    assert "prune-mi predict" not in _printed(unnamed, width)
    for told in (*search_report.notes, search_report.stop_reason, "1 removal, 1 insertion"):
        assert told in words


def test_a_search_that_found_nothing_says_so(search_report: SearchReport) -> None:
    nothing = dataclasses.replace(search_report, better=False, lineage=(), ensemble=None)
    words = " ".join(_printed(nothing, 100).split())
    assert "Nothing better than the start was found" in words
    assert "Nothing was removed or inserted." in words
    assert "result change" not in words  # from a seed, that says nothing
    grown = dataclasses.replace(nothing, start="model.keras")
    assert "start result change" in " ".join(_printed(grown, 100).split())


def test_a_report_is_read_back_equal(search_report: SearchReport, tmp_path: Path) -> None:
    write_report(search_report, tmp_path / "report.json")
    assert read_search_report(tmp_path / "report.json") == search_report


def test_the_report_of_another_command_is_refused(
    search_report: SearchReport, report: RunReport, tmp_path: Path
) -> None:
    write_report(search_report, tmp_path / "search.json")
    write_report(report, tmp_path / "optimize.json")
    with pytest.raises(RunFolderError, match="is not a report of prune-mi: `model`"):
        read_report(tmp_path / "search.json")
    with pytest.raises(RunFolderError, match="is not a report of prune-mi: `start`"):
        read_search_report(tmp_path / "optimize.json")
