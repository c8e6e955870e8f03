"""Arrays that may be larger than memory: small ones lie there, large ones in files of no name.

Such a file is gone when nothing maps it any more, however the process ends.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from prune_mi.errors import DataError

IN_MEMORY = 1 << 28
"""Bytes up to which an array lies in memory."""

MOST_ON_DISK = 64 << 30
_SHARE_OF_FREE = 0.5
_BIG_FOLDER = "/var/tmp"  # unlike /tmp it never lies in memory


def scratch_folder() -> Path:
    """Where large arrays lie: what TMPDIR names, else /var/tmp, else the system's own."""
    if "TMPDIR" not in os.environ and os.access(_BIG_FOLDER, os.W_OK):
        return Path(_BIG_FOLDER)
    return Path(tempfile.gettempdir())


def size_text(size_bytes: int) -> str:
    """`310 MiB`, `5.6 GiB`."""
    gib = size_bytes / (1 << 30)
    return f"{gib:.1f} GiB" if gib >= 1 else f"{size_bytes / (1 << 20):.0f} MiB"


class Room:
    """How much disk arrays may take together: 64 GiB, or half of what is free if that is less."""

    def __init__(self) -> None:
        self.used_bytes = 0
        free = shutil.disk_usage(scratch_folder()).free
        self.most_bytes = min(MOST_ON_DISK, int(free * _SHARE_OF_FREE))

    def take(self, size_bytes: int) -> None:
        """Takes a part of it.

        Raises:
            DataError: If there is not enough left.
        """
        self.used_bytes += size_bytes
        if self.used_bytes > self.most_bytes:
            raise DataError(
                f"the data is larger than {size_text(self.most_bytes)}, which is what may lie on "
                f"the disk of {scratch_folder()} (half of what is free, {size_text(MOST_ON_DISK)} "
                "at most). Pass fewer samples, or set TMPDIR to a folder on a larger disk"
            )


class Growing:
    """An array `(N, ...)` that is given some rows at a time.

    Args:
        room: The disk space that it shares with others.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._parts: list[np.ndarray] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._dtype = np.dtype(np.uint8)
        self._shape: tuple[int, ...] = ()
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row; there is one or more."""
        return self._shape

    @property
    def disk_bytes(self) -> int:
        """What lies on the disk."""
        return self._bytes if self._file is not None else 0

    def append(self, rows: np.ndarray) -> None:
        """Adds rows, all of the shape of those before.

        Raises:
            DataError: If there is no room for them.
            TypeError: If they are of a type that those before cannot hold.
        """
        if not self._rows:
            self._shape, self._dtype = rows.shape[1:], rows.dtype
        if self._file is None:
            self._dtype = np.result_type(self._dtype, rows.dtype)
        elif not np.can_cast(rows.dtype, self._dtype, "safe"):
            raise TypeError(f"{rows.dtype} after {self._dtype}")
        self._rows += len(rows)
        self._bytes += rows.nbytes
        if self._file is not None:
            self._write(rows)
            return
        self._parts.append(rows)
        if self._bytes > IN_MEMORY:
            self._file = tempfile.TemporaryFile(dir=scratch_folder())  # noqa: SIM115
            parts, self._parts = self._parts, []
            for part in parts:
                self._write(part)

    def finished(self) -> np.ndarray:
        """The whole array; one on the disk cannot be written to."""
        if self._file is None:
            return np.concatenate(self._parts)
        self._file.flush()
        with self._file:
            shape = (self._rows, *self._shape)
            return np.memmap(self._file, dtype=self._dtype, mode="r", shape=shape)

    def close(self) -> None:
        """Forgets everything."""
        self._parts = []
        if self._file is not None:
            self._file.close()

    def _write(self, rows: np.ndarray) -> None:
        content = np.ascontiguousarray(rows, dtype=self._dtype)
        self._room.take(content.nbytes)
        try:
            if self._file is not None:
                self._file.write(content.reshape(-1).view(np.uint8).data)
        except OSError as error:
            raise DataError(
                f"cannot write the data to {scratch_folder()}: {error.strerror or error}; free "
                "some space, or set TMPDIR to a folder on another disk"
            ) from error
