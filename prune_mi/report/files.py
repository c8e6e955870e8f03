"""Files to write: refused before the work for them is done; those of reports, written."""

import os
from collections.abc import Sequence
from pathlib import Path

from prune_mi.errors import ConfigError


def require_new(
    path: Path, *, suffixes: Sequence[str], models: Sequence[Path] = (), overwrite: bool
) -> None:
    """Refuses a model file that is not to be written, before the work for it is done.

    Args:
        path: The file.
        suffixes: What its name may end in.
        models: Files that are read, and so may not be written.
        overwrite: Whether another file may be there already.

    Raises:
        ConfigError: If its name ends in something else, or it is a folder, one of the models, or
            there already.
    """
    if path.suffix not in suffixes:
        raise ConfigError(f"cannot write {path}; expected a name in {' or '.join(suffixes)}")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; expected the name of a file to write")
    if path.exists() and any(model.exists() and path.samefile(model) for model in models):
        raise ConfigError(f"{path} is the file to read; choose another name for the new one")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} already exists; choose another name, or pass --overwrite")


def require_writable(path: Path | None) -> None:
    """Refuses a file that a report cannot be written to, before minutes are spent on it.

    Raises:
        ConfigError: If it is a folder, its own folder is not there, or may not be written.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; expected the name of a file")
    if not path.parent.is_dir():
        raise ConfigError(f"the folder of {path} does not exist; make it first: {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"{path} may not be written; expected a file that may")


def write_text(path: Path, text: str, *, append: bool = False) -> list[str]:
    """Writes a file of a report.

    Returns:
        Why it could not be written; empty where it was.
    """
    try:
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        return [f"cannot write {path}: {error.strerror or error}; name another file"]
    return []
