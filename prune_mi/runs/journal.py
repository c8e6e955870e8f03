"""The journal: one line a child, appended and flushed, never rewritten."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from prune_mi.records import ChildRecord


class Journal:
    """`journal.jsonl` in a run folder; what is in it survives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, record: ChildRecord) -> None:
        """Appends a child."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record)) + "\n")
            file.flush()
            os.fsync(file.fileno())
