"""report.json: a run's report as plain JSON, written atomically, read back to an equal record."""

import contextlib
import dataclasses
import json
import math
import numbers
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from prune_mi.errors import RunFolderError
from prune_mi.records import RunReport, SearchReport

Report = RunReport | SearchReport
_R = TypeVar("_R", RunReport, SearchReport)


def to_plain(record: object) -> dict[str, Any]:
    r"""Turns a record into plain JSON values under the names of its fields.

    Tuples become lists, and numbers of NumPy's types become Python's. Bytes of a file name that
    are not text are spelled out as `\udcNN`, since JSON has no way to carry them.

    Raises:
        ValueError: If a number is NaN or infinite; the message names its place.
        TypeError: If a value has no JSON form; the message names its place.
    """
    plain: dict[str, Any] = _plain(record, "report")
    return plain


def write_report(report: Report, path: Path) -> None:
    """Writes `path` whole or not at all; an older file stays until the new one is complete.

    Raises:
        ValueError: As `to_plain`, before anything is written.
        TypeError: As `to_plain`, before anything is written.
        RunFolderError: If the file cannot be written; an older file is then unharmed.
    """
    text = json.dumps(to_plain(report), indent=2, ensure_ascii=False, allow_nan=False)
    # In the same folder, since os.replace is atomic only within one file system.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with partial.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RunFolderError(
                f"cannot write the report {path}: {error.strerror or error}; "
                "expected a writable run folder with room for it"
            ) from error
        raise


def read_report(path: Path) -> RunReport:
    """Reads what a run of `optimize` wrote; see `_read`."""
    return _read(path, RunReport)


def read_search_report(path: Path) -> SearchReport:
    """Reads what a search wrote; see `_read`."""
    return _read(path, SearchReport)


def _read(path: Path, kind: type[_R]) -> _R:
    """Reads what `write_report` wrote; keys of a later version are passed over.

    Raises:
        RunFolderError: If the file is missing, is not JSON, or is not such a report.
    """
    try:
        report: _R = TypeAdapter(kind).validate_json(path.read_bytes(), strict=True)
        to_plain(report)
    except OSError as error:
        raise RunFolderError(f"cannot read the report {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RunFolderError(
            f"{path} is not a report of prune-mi: {f'`{where}`: ' if where else ''}{first['msg']}; "
            "expected a report.json that a run of this version wrote"
        ) from error
    except ValueError as error:
        raise RunFolderError(f"{path} is not a report of prune-mi: {error}") from error
    return report


def _plain(value: object, where: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{where} is {number}; expected a finite number, or null for unknown")
        return number
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name), f"{where}.{field.name}")
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which has no JSON form")
