"""The run folder: made, guarded, and cleaned of what only the run itself needed."""

import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from prune_mi.config import RunSettings, dump_settings
from prune_mi.data.class_file import CLASS_FILE
from prune_mi.errors import RunFolderError
from prune_mi.report.wording import accuracy_text, predict_line, printable
from prune_mi.runs.lock import LOCK_FILE, FolderLock, require_unlocked

BEST, CLOSEST, ENSEMBLE = "best.keras", "closest.keras", "ensemble.keras"
PICKED = "picked.keras"
REPORT_FILE = "report.json"
SELECTION_FILE = "selection.npz"
EVENTS_FILE = "events.jsonl"
_CONFIG = "config.yaml"
_OWN_FILES = (
    *(BEST, "best.h5", CLOSEST, PICKED, ENSEMBLE, CLASS_FILE),
    *(_CONFIG, EVENTS_FILE, REPORT_FILE, SELECTION_FILE, "trained.npz"),
)
_WEIGHTS, CHECKPOINTS, POINTS = "weights", "checkpoints", "points"
_OWN_ARRAYS = {  # the digest of what they hold; the candidate that is trained, and the seed
    _WEIGHTS: re.compile(r"[0-9a-f]{32}\.(npz|new)"),
    CHECKPOINTS: re.compile(r"(g\d+(c\d+s*|base)|reference|control)-\d+\.(npz|new)"),
    POINTS: re.compile(r"g\d+c\d+\.keras"),
}
_SCRATCH = ".scratch-"


def run_folder(name: str) -> Path:
    """The folder of a run for which the user names none."""
    return Path("prune-mi-runs") / name


def require_free(path: Path, *, overwrite: bool) -> None:
    """Raises what `RunFolder` does where a folder is taken; it makes nothing.

    Raises:
        RunFolderError: If the path is a file, or a folder with files and `overwrite` was not asked
            for, or another process works in it.
    """
    require_unlocked(path)
    try:
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"{path} is a file; --out expects a folder to write into")
        there = [each.name for each in path.iterdir()] if path.is_dir() else []
        taken = [name for name in there if name != LOCK_FILE and not name.startswith(_SCRATCH)]
        if taken and not overwrite:
            again = f", or --resume {path} to go on with that run" if EVENTS_FILE in taken else ""
            raise RunFolderError(
                f"the run folder {path} is not empty; choose another with --out, or pass "
                f"--overwrite to replace an earlier run's files{again}"
            )
    except OSError as error:
        raise _refusal(path, error) from error


class RunFolder:
    """Where a run's files lie; one process at a time has it.

    `scratch` is a folder in it with a name of its own, for arrays shared between processes; it is
    gone when the run ends. `best_accuracy` is the validation accuracy of the model that was written
    last as the best, a fraction, or None. `handed_over` are the arguments of `prune_mi.resume` that
    a run needs again to go on, since they lie in no file.

    Args:
        path: The folder.
        overwrite: Whether an earlier run's files in it may be replaced.
        resumes: Whether the run that has begun there goes on.
        inputs: Files that the run reads.

    Raises:
        RunFolderError: If the folder cannot be made or written, or another process has it, or it
            holds files and `overwrite` was not asked for, or one of `inputs` is a file that the run
            would write. With `overwrite` only files that a run writes are removed, and only by
            `begin`.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool = False,
        resumes: bool = False,
        inputs: Sequence[Path] = (),
    ) -> None:
        self.path = path
        self.best_accuracy: float | None = None
        self.handed_over: tuple[str, ...] = ()
        self._begun = resumes
        self._command = ""
        if not resumes:
            require_free(path, overwrite=overwrite)
        try:
            path.mkdir(parents=True, exist_ok=True)
            own = {(path / name).resolve() for name in _OWN_FILES}
            own |= {self.weights.resolve(), self.checkpoints.resolve()}
            own.add((path / POINTS).resolve())
            taken = [each for each in inputs if {each.resolve(), *each.resolve().parents} & own]
            if taken:
                raise RunFolderError(
                    f"{taken[0]} is an input of this run and would be overwritten; choose another "
                    "folder with --out"
                )
            self._lock = FolderLock(path)
            for left_over in path.glob(f"{_SCRATCH}*"):
                shutil.rmtree(left_over, ignore_errors=True)
            self.scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=path))
        except OSError as error:
            raise _refusal(path, error) from error

    @property
    def events(self) -> Path:
        """What has happened, line by line."""
        return self.path / EVENTS_FILE

    @property
    def weights(self) -> Path:
        """Weights of candidates."""
        return self.path / _WEIGHTS

    @property
    def checkpoints(self) -> Path:
        """Trainings under way."""
        return self.path / CHECKPOINTS

    @property
    def report(self) -> Path:
        """The machine-readable report."""
        return self.path / REPORT_FILE

    def point(self, name: str) -> Path:
        """The model file of another point of the frontier."""
        return self.path / POINTS / f"{name}.keras"

    @property
    def answers(self) -> Path:
        """What each trained child is right on."""
        return self.path / "trained.npz"

    @property
    def selection(self) -> Path:
        """Which test images selection saw."""
        return self.path / SELECTION_FILE

    def begin(self, settings: RunSettings, command: str) -> None:
        """Removes an earlier run's files and writes the resolved settings as `config.yaml`."""
        self._begun, self._command = True, command
        try:
            was_run = self.events.exists()
            for name in _OWN_FILES:
                (self.path / name).unlink(missing_ok=True)
            for folder, own in _OWN_ARRAYS.items() if was_run else ():
                for each in (self.path / folder).glob("*"):
                    if own.fullmatch(each.name):
                        each.unlink()
        except OSError as error:
            raise _refusal(self.path, error) from error
        self.settle(settings)

    def goes_on(self, command: str) -> None:
        """The run that has begun here goes on."""
        self._command = command

    def settle(self, settings: RunSettings) -> None:
        """Writes the settings that hold from here on; a report of an earlier end is void."""
        try:
            self.report.unlink(missing_ok=True)
            (self.path / _CONFIG).write_text(dump_settings(settings), encoding="utf-8")
        except OSError as error:
            raise _refusal(self.path, error) from error

    def cut(self, torn_at: int) -> None:
        """Cuts off the torn last line of the events, which begins at a byte."""
        try:
            with self.events.open("r+b") as file:
                file.truncate(torn_at)
        except OSError as error:
            raise _refusal(self.path, error) from error

    def left_behind(self) -> str:
        """What an interruption leaves, and the line that uses it where that is as simple."""
        there = [name for name in _OWN_FILES if (self.path / name).is_file()]
        if not self._begun or not there:
            return "interrupted; nothing was written"
        best = "No model was accepted yet"
        if "best.keras" in there:
            best = "best.keras is the best model so far"
            if self.best_accuracy is not None:
                best += f" (validation accuracy {accuracy_text(self.best_accuracy)})"
        told = (
            f"interrupted; {self.path} holds {', '.join(there)}. {best}. To go on with the run:\n"
            f"  {self._resume_line()}"
        )
        if {"best.keras", CLASS_FILE} <= set(there):
            line = predict_line(printable(str(self.path / "best.keras")))
            return f"{told}\nAsk best.keras what is on an image:\n  {line}"
        return told

    def _resume_line(self) -> str:
        """What goes on with the run: a command, or a call where it needs objects again."""
        path = printable(str(self.path))
        if self.handed_over:
            again = ", ".join(f"{name}=..." for name in self.handed_over)
            return f"prune_mi.resume({path!r}, {again})"
        return f"prune-mi {self._command} --resume {shlex.quote(path)}"

    def clean(self) -> None:
        """Lets others in, and removes what only the run needed; and what is empty then."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._lock.release()
        for empty in (self.checkpoints, self.path):
            with suppress(OSError):
                empty.rmdir()  # refused unless it is empty


def _refusal(path: Path, error: OSError) -> RunFolderError:
    return RunFolderError(
        f"cannot write the run folder {path}: {error.strerror or error}; choose another with --out"
    )
