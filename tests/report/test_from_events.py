"""Reports read from events, of runs that have ended and of others; and their schema."""

import io
import json
from dataclasses import replace

import jsonschema
import pytest
from rich.console import Console

from prune_mi.records import (
    ChildRecord,
    Cost,
    GenerationRecord,
    RunReport,
    SearchReport,
    UnfinishedReport,
)
from prune_mi.records.events import (
    Event,
    Finished,
    GenerationBegan,
    GenerationEnded,
    Noted,
    Referenced,
    SearchEnded,
    Trained,
)
from prune_mi.records.generations import generations_of
from prune_mi.report import print_report
from prune_mi.report.from_events import finished_report_of, report_of
from prune_mi.report.json_report import to_plain
from prune_mi.report.schema import SCHEMA_FILE, report_schema
from tests.told import of_child, started

REFERENCED = Referenced(Cost(78_666, 12_501_632, 30), 0.8752)


def _told(
    generations: tuple[GenerationRecord, ...],
    notes: tuple[str, ...],
    referenced: Referenced = REFERENCED,
) -> list[Event]:
    told: list[Event] = [started(data="digits", objective="macs")]
    told += [Noted(note) for note in notes]
    told.append(referenced)
    for one in generations:
        told.append(GenerationBegan(one.index, 5, one.parent, None))
        for child in one.children:
            told += of_child(child)
        told.append(GenerationEnded(one.index, one.elite))
    return told


def test_generations_are_read_back(report: RunReport) -> None:
    found = generations_of(_told(report.generations, ()))
    assert [one.index for one in found] == [one.index for one in report.generations]
    for one, same in zip(found, report.generations, strict=True):
        assert (one.parent, one.elite) == (same.parent, same.elite)
        for child, other in zip(one.children, same.children, strict=True):
            known = ("name", "parent", "morphs", "macs", "num_params", "verdict")
            assert [getattr(child, name) for name in known] == [
                getattr(other, name) for name in known
            ]
            assert child.trained_quality == other.trained_quality
            assert child.screened_quality == other.screened_quality


def test_no_child_of_a_generation_that_has_ended_is_under_way(report: RunReport) -> None:
    found = report_of(_told(report.generations, ()))
    assert isinstance(found, UnfinishedReport)
    assert found.generations and found.under_way == ()


def test_the_report_of_a_run_that_has_ended(report: RunReport) -> None:
    told = _told(report.generations, report.notes)
    told += [SearchEnded(report.stop_reason)]
    told += [Finished(replace(report, generations=(), notes=(), stop_reason=""))]
    found = finished_report_of(told)
    assert found.notes == report.notes and found.stop_reason == report.stop_reason
    assert replace(found, generations=()) == replace(report, generations=())
    assert len(found.generations) == len(report.generations)


def _unfinished(
    make_child: object, *, ended: bool = True, referenced: Referenced = REFERENCED
) -> UnfinishedReport:
    child: ChildRecord = make_child("g1c1")  # type: ignore[operator]
    told = _told((GenerationRecord(1, "reference", (child,), "g1c1"),), ("a note",), referenced)
    told.append(GenerationBegan(2, 5, "g1c1", None))
    told += list(of_child(make_child("g2c1", verdict="pending")))  # type: ignore[operator]
    if ended:
        told.append(SearchEnded("all 2 generations were made"))
    found = report_of(told, elapsed_s=61.04, folder="my run")
    assert isinstance(found, UnfinishedReport)
    return found


def test_the_report_of_a_run_that_has_not_ended(make_child: object) -> None:
    found = _unfinished(make_child, ended=False)
    assert found.best is not None and found.best.name == "g1c1"
    assert [each.name for each in found.under_way] == ["g2c1"]
    assert (found.elapsed_s, found.stop_reason, found.notes) == (61.0, None, ("a note",))
    with pytest.raises(ValueError, match="without an end"):
        finished_report_of(_told((), ()))
    with pytest.raises(ValueError, match="without a beginning"):
        report_of([])


@pytest.mark.parametrize("ended", [False, True])
def test_what_is_shown_of_it(make_child: object, ended: bool) -> None:
    shown = io.StringIO()
    print_report(_unfinished(make_child, ended=ended), Console(file=shown, width=100))
    text = " ".join(shown.getvalue().split())
    assert "Not ended: test images were not looked at yet" in text
    assert "best so far g1c1, accuracy 0.9020" in text
    assert ("stopped all 2 generations were made" in text) == ended
    assert ("1 in the one under way" in text) != ended
    assert "go on prune-mi optimize --resume 'my run'" in text


def test_an_error_is_told_in_its_own_unit(make_child: object) -> None:
    shown = io.StringIO()
    error = replace(REFERENCED, words="mean absolute error", error_of_chance=20.0)
    print_report(_unfinished(make_child, referenced=error), Console(file=shown, width=100))
    text = " ".join(shown.getvalue().split())
    assert "start mean absolute error 2.4960," in text
    assert "best so far g1c1, mean absolute error 1.9600," in text
    assert "g1c1 10.1 M -19.0 % 61,002 -22.5 % 1.9600" in text


def test_a_run_that_goes_on_after_an_end_has_looked_at_test_images(make_child: object) -> None:
    shown = io.StringIO()
    found = replace(_unfinished(make_child), ended_before=True)
    print_report(found, Console(file=shown, width=100))
    text = " ".join(shown.getvalue().split())
    assert "Not ended: it had ended before and goes on since; figures are of" in text


def test_what_is_trained_behind_the_search_is_no_child(report: RunReport) -> None:
    told = _told(report.generations, ())
    name = report.generations[0].children[0].name
    later = [SearchEnded("enough"), Trained(name, 0.1, "1:gA==", 1, 1.0, 1.0, 1.0, "w")]
    assert generations_of([*told, *later]) == generations_of(told)


def test_the_schema_is_that_of_the_records() -> None:
    """`python tests/settings_docs.py` writes it again."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == report_schema()


def test_reports_follow_the_schema(
    report: RunReport, search_report: SearchReport, make_child: object
) -> None:
    schema = json.loads(report_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    for each in (report, search_report, _unfinished(make_child)):
        jsonschema.validate(json.loads(json.dumps(to_plain(each))), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"smaller": True}, schema)
