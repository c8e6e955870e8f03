"""Parameters of tests that try many things on many networks."""

from collections.abc import Iterable
from typing import Any

import pytest


def crossed(names: Iterable[str], kinds: Iterable[str]) -> list[Any]:
    """Every name with every kind; without `--thorough` every second pair, all names and kinds."""
    return [
        pytest.param(name, kind, marks=[pytest.mark.thorough] if (row + column) % 2 else [])
        for row, name in enumerate(names)
        for column, kind in enumerate(kinds)
    ]
