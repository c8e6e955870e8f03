"""What a search shows when it is done, and that its report is read back."""

import dataclasses
import io
import shlex
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


def _printed(report: SearchReport, width: int, *, details: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_search_summary(report, console, details=details)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_what_was_found_is_said_in_plain_words(search_report: SearchReport, width: int) -> None:
    text = _printed(search_report, width)
    words = " ".join(text.split())
    assert "Found a network that gets 81.2 % of new images right." in words
    assert "accuracy 81.2 % of 1,000 images that the search has not used" in words
    assert "expect 78.7 % to 83.5 % of other images like these (95 % confidence)" in words
    assert "guessing 50.0 %: always the most common class" in words
    assert "size 1.23 MiB, 61,002 learned numbers (weights)" in words
    averaged = "83.1 % are right, 1.23 MiB, 120,000 learned numbers (weights): 2 networks"
    assert f"average {averaged}" in words
    assert "data cifar10, 2 classes" in words
    assert "time 12:31 (minutes:seconds)" in words
    assert search_report.notes[0] in words
    for jargon in ("DEIM", "generation 1", "removal", "MACs", "gamma", "seed", "param", "validat"):
        assert jargon not in text


@pytest.mark.parametrize("width", [30, 80])
def test_files_and_the_line_to_copy_are_whole(search_report: SearchReport, width: int) -> None:
    folder = f"runs/{'pets-' * 15}"
    lines = _printed(dataclasses.replace(search_report, folder=folder), width).splitlines()
    (best,) = [line for line in lines if line.startswith(f"  {folder}/best.keras ")]
    assert best.endswith("  the network")
    for name in ("ensemble.keras", "classes.json", "report.json"):
        assert any(line.startswith(f"  {folder}/{name} ") for line in lines)
    assert lines[-2:] == [
        "Ask it what is on an image:",
        f"  prune-mi predict {folder}/best.keras IMAGE.png",
    ]


def test_the_line_to_copy_is_one_for_a_shell(search_report: SearchReport) -> None:
    spaced = dataclasses.replace(search_report, folder="my runs/it")
    line = _printed(spaced, 80).splitlines()[-1]
    assert shlex.split(line) == ["prune-mi", "predict", "my runs/it/best.keras", "IMAGE.png"]


def test_what_predict_cannot_read_is_loaded(search_report: SearchReport) -> None:
    """Vectors have no class file."""
    text = _printed(dataclasses.replace(search_report, files=("best.keras",)), 80)
    assert "prune-mi predict" not in text
    assert (
        "81.2 % of 1,000 samples that the search" in text and "images" not in text.split("Notes")[0]
    )
    assert text.splitlines()[-1] == "  keras.models.load_model('runs/pets/best.keras')"


def test_a_model_that_was_given_is_set_beside_the_result(search_report: SearchReport) -> None:
    words = " ".join(_printed(dataclasses.replace(search_report, start="m.keras"), 120).split())
    before = "40.0 % are right, 29.3 KiB, 1,200 learned numbers (weights): m.keras"
    assert f"before {before}" in words


@pytest.mark.parametrize("width", [80, 120])
def test_details_are_those_of_the_field(search_report: SearchReport, width: int) -> None:
    text = _printed(search_report, width, details=True)
    words = " ".join(text.split())
    assert "seed result ensemble of 2" in words
    assert "0.4000 0.8123 0.8311" in words
    assert "layers 14 as DEIM 2019 counts them" in words
    assert "1 generation, 1 child trained; of 25 deletions tried 14 adopted" in words
    assert "90,000 images, 1,234,000 with all others; augmentation flip" in words
    assert "training 812 s, of 2 workers" in words
    assert "ensemble g2c1, g1c3" in words
    for told in (search_report.stop_reason, "1 removal, 1 insertion", "branch add_4"):
        assert told in words
    assert text.endswith(_printed(search_report, width))  # the plain report is what is seen last


def test_a_search_that_found_nothing_says_so(search_report: SearchReport) -> None:
    nothing = dataclasses.replace(search_report, better=False, lineage=(), ensemble=None)
    words = " ".join(_printed(nothing, 100, details=True).split())
    assert "Found a network that gets 81.2 % of new images right. It is the first one: no" in words
    assert "Nothing was changed." in words
    assert "result change" not in words  # from a seed, that says nothing
    kept = dataclasses.replace(nothing, start="model.keras")
    words = " ".join(_printed(kept, 100, details=True).split())
    assert "Nothing better than the model that the search started from was found." in words
    assert "The network that is written out gets 81.2 % of new images right." in words
    assert "start result change" in words


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
