"""What a command has found, shown on the console or as JSON."""

import json
import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console

from prune_mi.report import to_plain

_T = TypeVar("_T")


def console_of(*, json_output: bool) -> Console:
    """Where a command shows its progress: not on standard output, where JSON is to stand alone."""
    return Console(stderr=json_output)


def tell(found: _T, show: Callable[[_T, Console], None], *, json_output: bool) -> None:
    """Shows a record, or writes it as JSON on standard output."""
    if json_output:
        sys.stdout.write(json.dumps(to_plain(found), indent=2) + "\n")
    else:
        show(found, Console())
