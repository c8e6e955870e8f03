"""A training under way on disk, so that a run that goes on need not begin it again.

Only what has lasted a while is written: what is short is quickly done again. A training that goes
on from a checkpoint takes the steps that it would have taken.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from prune_mi.training.schedule import Progress

_SECONDS = 15.0
_TIMES_SAVING = 20.0  # what is between two of them at least, in what writing one takes


@dataclass(frozen=True, slots=True)
class State:
    """A training after some steps: its progress, and the variables of model and optimizer."""

    progress: Progress
    variables: Sequence[np.ndarray]


class Checkpoint:
    """A file that is written now and then.

    Args:
        path: The file.
        fingerprint: Of the training; a file of another one is passed over.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._due = time.monotonic() + _SECONDS

    @property
    def is_due(self) -> bool:
        """Whether it is time to write it."""
        return time.monotonic() >= self._due

    def save(self, state: State) -> None:
        """Writes the file whole or not at all; a full disk ends no training."""
        began = time.monotonic()
        told = {"of": self._fingerprint, **asdict(state.progress)}
        fresh = self._path.with_suffix(".new")
        with suppress(OSError):
            with fresh.open("wb") as file:
                np.savez(file, told=np.array(json.dumps(told)), *state.variables)  # noqa: B026
            os.replace(fresh, self._path)
        spent = time.monotonic() - began
        self._due = time.monotonic() + max(_SECONDS, _TIMES_SAVING * spent)

    def load(self, shapes: Sequence[tuple[int, ...]] | None = None) -> State | None:
        """What was written of this training; None where there is nothing that can be read.

        Args:
            shapes: That variables must have; another processor may be trained on with others.
        """
        try:
            with self._path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                told = json.loads(str(file["told"]))
                variables = [file[f"arr_{place}"] for place in range(len(file.files) - 1)]
            if told.pop("of") != self._fingerprint:
                return None
            if shapes is not None and [each.shape for each in variables] != list(shapes):
                return None
            return State(Progress(**told), variables)
        except Exception:  # a torn archive may show itself in any way
            return None
