"""How a run began, as its first event has it."""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from prune_mi.config import Gates, RunSettings
from prune_mi.data import Dataset
from prune_mi.data.chunks import chunks
from prune_mi.delivery.measuring import installed_versions
from prune_mi.records import ModelSource
from prune_mi.records.events import Command, Started

_CHUNK = 2**20


def started(
    command: Command,
    source: ModelSource | None,
    data: Dataset,
    settings: RunSettings,
    gates: Gates | None = None,
) -> Started:
    """The first event of a run.

    Args:
        command: Which it is.
        source: The model file; None of a search from nothing.
        data: As opened for it.
        settings: The run's.
        gates: What the result is held to, or None.
    """
    return Started(
        command=command,
        version=installed_versions().get("prune-mi", "unknown"),
        model=None if source is None else source.told,
        model_digest=None if source is None else source.digest or file_digest(source.path),
        data_digest=_data_digest(data),
        source={} if source is None else _plain(asdict(source)),
        settings=settings.model_dump(mode="json"),
        where=os.getcwd(),
        gates=None if gates is None else gates.model_dump(mode="json"),
    )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: str(each) if isinstance(each, Path) else each for name, each in values.items()}


def file_digest(path: Path) -> str:
    """Of a file, or of all files of a folder and their names."""
    found = hashlib.blake2b(digest_size=16)
    for each in [path] if path.is_file() else sorted(path.rglob("*")):
        if each.is_file():
            found.update(each.relative_to(path).as_posix().encode())
            with each.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    found.update(chunk)
    return found.hexdigest()


def _data_digest(data: Dataset) -> str:
    """Of all samples and labels, the names of the classes, and weights where there are any."""
    names = np.frombuffer(repr(data.class_names).encode(), dtype=np.uint8)
    found = hashlib.blake2b(digest_size=16)
    weights = [] if data.w_train is None else [data.w_train]
    for array in (names, *(each for _, *pair in data.splits() for each in pair), *weights):
        found.update(str(array.shape).encode())
        for chunk in chunks(array) if array.size else ():
            found.update(np.ascontiguousarray(chunk).tobytes())
    return found.hexdigest()
