"""Results and progress in a notebook: every figure is there, and names are never taken as HTML."""

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser

from prune_mi.records import ChildRecord, Cost, GateResult, RunReport
from prune_mi.records.events import GenerationBegan, Referenced
from prune_mi.report.html import report_html
from prune_mi.report.notebook import LEAST_SECONDS, NotebookProgress
from tests.told import of_child, started


class Tags(HTMLParser):
    """Checks that tags are closed in their order, and gathers tables by their captions."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.scopes: list[str | None] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "th":
            self.scopes.append(dict(attrs).get("scope"))
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("th", "td"):
            self.rows[-1][-1] += data


def test_the_result_has_its_figures_its_changes_and_its_notes(report: RunReport) -> None:
    html = report_html(report)
    found = Tags(html)
    rows = {row[0]: row[1:] for row in found.rows}
    assert rows[""] == ["reference", "control", "result", "change"]
    assert rows["MACs"] == ["12.5 M", "12.5 M", "8.10 M", "-35.2 %"]
    assert rows["params"] == ["78,666", "78,666", "61,002", "-22.5 %"]
    assert rows["size"] == ["353 KiB", "353 KiB", "1.23 MiB", "+256.9 %"]
    for morph in report.removals:
        layers, reason = rows[f"{morph.kind} {morph.target}"]
        assert layers == ", ".join(morph.layers) and reason == morph.reason
    for note in report.notes:
        assert note in re.sub(r"&#x27;", "'", html)
    assert set(found.scopes) == {"row", "col"}  # each heading says what it is of
    assert html.count("<caption>") == 2
    assert "result minus control" in html


def test_a_result_without_changes(unchanged_report: RunReport) -> None:
    html = report_html(dataclasses.replace(unchanged_report, control=None, notes=()))
    Tags(html)
    assert "Nothing smaller" in html and "What changed" not in html and "Notes" not in html


def test_names_from_a_model_are_text(report: RunReport) -> None:
    evil = "<script>alert('1')</script>\x1b[2J"
    report = dataclasses.replace(
        report,
        model=evil,
        notes=(evil,),
        removals=(dataclasses.replace(report.removals[0], target=evil, layers=(evil,)),),
        gates=(GateResult(evil, "failed", 0.1, 0.2, None, None, None, evil),),
    )
    html = report_html(report)
    Tags(html)
    assert "<script" not in html and "\x1b" not in html
    assert "&lt;script&gt;" in html


def test_progress_is_one_table_written_anew(make_child: Callable[..., ChildRecord]) -> None:
    shown: list[str] = []
    now = [100.0]
    with NotebookProgress(shown.append, clock=lambda: now[0]) as progress:
        progress.time_left(60)
        progress.phase("Searching <b>")
        progress.note("Half of the test images select.")
        progress.happened(started())
        progress.happened(Referenced(Cost(78_666, 12_501_632, 34), 0.8752))
        progress.happened(GenerationBegan(1, 5, "reference", None))
        now[0] += 5
        for event in of_child(make_child()):
            progress.happened(event)
        progress.training("g1c2", 100, 1000)
        before = len(shown)
        progress.training("g1c2", 200, 1000)
        assert len(shown) == before  # not at every step
        now[0] += LEAST_SECONDS
        progress.training("g1c2", 300, 1000)
        assert len(shown) == before + 1
        html = shown[-1]
        Tags(html)
        rows = {row[0]: row[1] for row in Tags(html).rows}
        assert rows["now"] == "Searching <b>"
        assert rows["time"] == "00:05 elapsed, 00:54 left"
        assert rows["search"].startswith("generation 1/5 from reference: ")
        assert '<progress max="1000" value="300"></progress>' in html
        assert "300 of 1,000 images" in html
        assert "note: Half of the test images select." in html
    assert "<progress" not in shown[-1] and "Ended" in shown[-1]
    assert not any("\x1b" in each for each in shown)


def test_progress_of_a_run_that_stops() -> None:
    shown: list[str] = []
    try:
        with NotebookProgress(shown.append) as progress:
            progress.phase("Searching")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert "Stopped" in shown[-1]
