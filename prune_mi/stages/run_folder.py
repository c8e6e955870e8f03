"""The run folder: made, guarded, and cleaned of what only the run itself needed."""

import shutil
import tempfile
from pathlib import Path

from prune_mi.config import OptimizeSettings, dump_settings
from prune_mi.errors import RunFolderError

_OWN_FILES = ("config.yaml", "journal.jsonl", "best.keras", "best.h5", "report.json")
_SCRATCH = ".scratch-"


class RunFolder:
    """Where a run's files lie.

    `scratch` is a folder in it with a name of its own, for arrays shared between processes; it is
    gone when the run ends.

    Raises:
        RunFolderError: If the folder cannot be made or written, or holds files and `overwrite`
            was not asked for. With `overwrite` only files that a run writes are removed.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path = path
        try:
            if path.exists() and not path.is_dir():
                raise RunFolderError(f"{path} is a file; --out expects a folder to write into")
            if path.is_dir() and any(path.iterdir()) and not overwrite:
                raise RunFolderError(
                    f"the run folder {path} is not empty; choose another with --out, or pass "
                    "--overwrite to replace an earlier run's files"
                )
            path.mkdir(parents=True, exist_ok=True)
            for name in _OWN_FILES:
                (path / name).unlink(missing_ok=True)
            for left_over in path.glob(f"{_SCRATCH}*"):
                shutil.rmtree(left_over, ignore_errors=True)
            self.scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=path))
        except OSError as error:
            raise RunFolderError(
                f"cannot write the run folder {path}: {error.strerror or error}; choose another "
                "with --out"
            ) from error

    @property
    def journal(self) -> Path:
        """One line a child."""
        return self.path / "journal.jsonl"

    @property
    def report(self) -> Path:
        """The machine-readable report."""
        return self.path / "report.json"

    def write_settings(self, settings: OptimizeSettings) -> None:
        """Writes the resolved settings as `config.yaml`."""
        (self.path / "config.yaml").write_text(dump_settings(settings), encoding="utf-8")

    def clean(self) -> None:
        """Removes the scratch arrays."""
        shutil.rmtree(self.scratch, ignore_errors=True)
