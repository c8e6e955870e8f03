"""One process at a time in a run folder; a crash leaves no lock behind."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from prune_mi.errors import RunFolderError

LOCK_FILE = ".lock"


class FolderLock:
    """Holds a folder until it is released or the process ends, however that comes about.

    Raises:
        RunFolderError: If another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        while True:
            file = self._path.open("a+b")
            try:
                _lock(file)
            except OSError as error:
                file.close()
                raise RunFolderError(
                    f"another process is working in {folder}; wait until it has ended, or choose "
                    "another folder"
                ) from error
            with suppress(OSError):  # whoever held it may have taken the file away meanwhile
                if os.path.samestat(os.fstat(file.fileno()), self._path.stat()):
                    self._file = file
                    return
            file.close()

    def release(self) -> None:
        """Lets others in."""
        with suppress(OSError):
            self._path.unlink()  # while it is held: nobody else is in
        self._file.close()


def require_unlocked(folder: Path) -> None:
    """Refuses a folder that another process holds, before anything that takes seconds.

    Raises:
        RunFolderError: If one does.
    """
    if folder.is_dir():
        with suppress(OSError):  # what cannot be written is refused where it is written
            FolderLock(folder).release()


def _lock(file: IO[bytes]) -> None:
    """Takes the lock, which the system gives back when the process ends.

    Raises:
        OSError: If another process has it.
    """
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
