"""A small text that is written into a `.keras` archive beside the model; Keras passes it over.

It goes where the file goes, which what lies beside it in a folder does not.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prune_mi.keras_io.archive import DAMAGE

_MEMBER = "prune_mi.json"
_MOST_BYTES = 10_000  # a file may be hostile


def write_mark(path: Path, values: Mapping[str, Any]) -> None:
    """Adds plain values to a `.keras` archive that has none yet."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_MEMBER, json.dumps(values))


def read_mark(path: Path) -> dict[str, Any]:
    """What `write_mark` wrote into a file; empty where it wrote nothing, or it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MEMBER) as member:
            values = json.loads(member.read(_MOST_BYTES))
    except (*DAMAGE, KeyError):
        return {}
    return values if isinstance(values, dict) else {}
