"""The closing summary shows every figure and every change, and fits its console."""

import dataclasses
import io

import pytest
from rich.console import Console

from prune_mi.records import MorphRecord, RunReport
from prune_mi.report.summary import print_summary


def printed(report: RunReport, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_summary(report, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    return text


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("controlled", [True, False])
def test_every_change_and_its_reason_is_shown(
    report: RunReport, width: int, controlled: bool
) -> None:
    if not controlled:
        report = dataclasses.replace(report, control=None)
    text = words(printed(report, width))
    places = []
    for morph in report.removals:
        assert f"{morph.kind} {morph.target}" in text
        assert f"layers {', '.join(morph.layers)} reason {morph.reason}" in text
        places.append(text.index(f"{morph.kind} {morph.target}"))
    assert places == sorted(places)
    assert "2 removals, 1 insertion" in text
    assert ("control" in text) == controlled
    for told in (*report.notes, *report.files, report.stop_reason, "1,234,000 images"):
        assert told in text
    assert "12:31 of 25:00" in text


def test_figures_and_their_change(report: RunReport) -> None:
    text = printed(report, 80)
    rows = {line[:19].strip(): line.split()[-2:] for line in text.splitlines()}
    assert "78,666 78,666 61,002 -22.5 %" in words(text)
    assert "12.5 M 12.5 M 8.10 M -35.2 %" in words(text)
    assert "353 KiB 353 KiB 1.23 MiB +256.9 %" in words(text)
    assert rows["layers"] == ["27", "-7"]
    assert rows["validation accuracy"] == ["0.8690", "-0.0062"]
    assert "0.8719 0.8731 0.8655 -0.0064" in words(text)
    assert rows["full test accuracy"] == ["0.8660", "-0.0059"]
    assert "Test accuracy, result minus control: -0.0076." in words(text)


def test_nothing_smaller_is_said_plainly(unchanged_report: RunReport) -> None:
    text = words(printed(unchanged_report, 80))
    assert (
        "Nothing smaller stayed within the allowed drop of 0.0200 in validation accuracy: the "
        "original is written out unchanged." in text
    )
    assert "Nothing was changed." in text
    assert "0.8719 0.8719 0.0000" in text


def test_a_result_that_only_gained_is_not_called_unchanged(report: RunReport) -> None:
    text = words(printed(dataclasses.replace(report, smaller=False), 80))
    assert "Not smaller: the result has the changes listed below" in text


def test_names_from_a_file_are_text_and_nothing_else(report: RunReport) -> None:
    morph = MorphRecord(
        "remove-by-rank", "conv[/bold]", ("a\x1b[2Jb", "[red]c"), "x" * 200, effect="removes"
    )
    text = printed(dataclasses.replace(report, removals=(morph,)), 80)
    assert "\x1b" not in text
    assert "conv[/bold]" in text and "a?[2Jb, [red]c" in text
    assert text.count("x") >= 200
