"""report.json is whole, plain and read back to an equal record."""

import dataclasses
import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.errors import RunFolderError
from prune_mi.records import RunReport
from prune_mi.report.json_report import read_report, to_plain, write_report


def test_keys_are_the_records_fields(report: RunReport) -> None:
    plain = to_plain(report)
    assert list(plain) == [field.name for field in dataclasses.fields(RunReport)]
    assert plain["removals"][0]["layers"][0] == "conv2d_7"
    assert plain["result"]["num_params"] == 61_002
    assert plain["generations"][0]["children"][1]["screened_quality"] is None
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


@pytest.mark.parametrize("name", ["report", "unchanged_report"])
def test_round_trip(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    report: RunReport = request.getfixturevalue(name)
    write_report(report, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == report
    assert os.listdir(tmp_path) == ["report.json"]


def test_numpy_numbers_become_plain(report: RunReport, tmp_path: Path) -> None:
    numbers: dict[str, Any] = {"seed": np.int64(3), "elapsed_s": np.float32(1.5)}
    odd = dataclasses.replace(report, **numbers)
    write_report(odd, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == dataclasses.replace(
        report, seed=3, elapsed_s=1.5
    )


def test_a_file_name_that_is_not_text_is_spelled_out(report: RunReport, tmp_path: Path) -> None:
    odd = dataclasses.replace(report, model=os.fsdecode(b"caf\xe9.h5"))
    write_report(odd, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json").model == r"caf\udce9.h5"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_refuses_what_is_not_finite(report: RunReport, tmp_path: Path, number: float) -> None:
    broken = dataclasses.replace(
        report, result=dataclasses.replace(report.result, test_metric=number)
    )
    with pytest.raises(ValueError, match=r"report\.result\.test_metric is (nan|inf)"):
        write_report(broken, tmp_path / "report.json")
    assert not os.listdir(tmp_path)


def test_refuses_what_has_no_json_form(report: RunReport) -> None:
    with pytest.raises(TypeError, match=r"report\.files\[0\] is a (Posix|Windows)Path"):
        to_plain(dataclasses.replace(report, files=(Path("best.keras"),)))  # type: ignore[arg-type]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_write_leaves_the_old_file(
    report: RunReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "report.json"
    write_report(report, path)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(RunFolderError, match="No space left on device"):
        write_report(dataclasses.replace(report, seed=9), path)
    assert read_report(path) == report
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_missing_folder_is_named(report: RunReport, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"cannot write the report .*absent"):
        write_report(report, tmp_path / "absent" / "report.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "is not a report of prune-mi: Invalid JSON"),
        ("[]", "is not a report"),
        ("{}", "`model`: Field required"),
    ],
)
def test_what_is_not_a_report_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(RunFolderError, match=message):
        read_report(path)


def test_reading_refuses_nan_and_passes_over_new_keys(report: RunReport, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    plain = to_plain(report)
    path.write_text(json.dumps(plain | {"new_in_a_later_version": 1}))
    assert read_report(path) == report
    path.write_text(json.dumps(plain | {"elapsed_s": float("nan")}))
    with pytest.raises(RunFolderError, match="elapsed_s is nan"):
        read_report(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot read the report"):
        read_report(tmp_path / "report.json")
