"""The errors a user can meet, and the exit code that each one ends in.

Every message says what was received, what was expected and how to mend it.
"""

import re
from collections.abc import Sequence
from enum import IntEnum

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # with which Keras writes in bold and in colour


class ExitCode(IntEnum):
    """What the process returns; documented in README.md."""

    DONE = 0
    BAD_INPUT = 2
    NOTHING_SMALLER = 3
    RUN_FAILED = 4
    PARTLY_DONE = 5
    GATE_FAILED = 6
    INTERRUPTED = 130


class PruneMIError(Exception):
    """Root of every expected failure."""

    exit_code: ExitCode = ExitCode.BAD_INPUT


class ModelError(PruneMIError):
    """The model file cannot be used."""


class DataError(PruneMIError):
    """The data cannot be used, or does not fit the model."""


class ConfigError(PruneMIError):
    """A setting is unknown, malformed or contradictory."""


class RunFolderError(PruneMIError):
    """The run folder cannot be written."""


class BudgetError(PruneMIError):
    """The time budget is too short to measure anything."""


class NothingFitsError(PruneMIError):
    """Nothing that is there keeps the limits that were asked for."""

    exit_code = ExitCode.NOTHING_SMALLER


class GraphError(PruneMIError):
    """A graph edit was asked for that would break the graph."""

    exit_code = ExitCode.RUN_FAILED


class RunError(PruneMIError):
    """A run could not be carried to its end, though its input was good."""

    exit_code = ExitCode.RUN_FAILED


def counted(count: int, noun: str) -> str:
    """`1 unit`, `2 units`: a number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are: `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def first_line(error: BaseException) -> str:
    """What a library's error says, in one line that a message of ours can hold."""
    text = _ESCAPES.sub("", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Keras puts where it happened before what happened.
    if len(lines) > 1 and lines[0].startswith("Exception encountered when calling"):
        del lines[0]
    if not lines:
        return type(error).__name__
    # It also puts the whole of a configuration behind what is wrong with it.
    return lines[0].partition(" Full object config:")[0][:300]
