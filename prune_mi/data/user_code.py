"""The user's own code that gives data: imported on request, and what it raises told in a line."""

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prune_mi.custom_code import import_code
from prune_mi.errors import ConfigError, DataError, PruneMIError, first_line

_SPEC = re.compile(r"(?P<module>(?:.+\.py)|(?:[A-Za-z_][\w.]*)):(?P<name>[A-Za-z_]\w*)")
_OURS = str(Path(__file__).parent.parent)


def names_function(spec: str) -> bool:
    """Whether a text has the form `module:function` or `path/to/file.py:function`."""
    return _SPEC.fullmatch(spec) is not None


def require_function_file(spec: str) -> None:
    """Refuses a function in a `.py` file that is not there.

    Raises:
        DataError: If it is so.
    """
    module = _parts(spec)[0]
    if module.endswith(".py") and not Path(module).expanduser().is_file():
        raise DataError(f"cannot use the data {spec!r}: there is no such file: {module}")


@contextmanager
def called_function(spec: str) -> Iterator[Any]:
    """Imports the module that a text names and calls its function without arguments.

    What the function returns may run more of the user's code while it is read, in here.

    Args:
        spec: `module:function`; the module is found from the current folder too.

    Yields:
        What the function returns.

    Raises:
        DataError: If there is no such module or function, importing it fails, or it raises.
    """
    require_function_file(spec)
    module, name = _parts(spec)
    path = Path(module).expanduser()
    with _found_beside(path if module.endswith(".py") else None):
        try:
            imported = import_code(str(path) if module.endswith(".py") else module)
        except ConfigError as error:
            cause = error.__cause__
            told = told_of(cause) if isinstance(cause, Exception) else str(error)
            raise DataError(
                f"cannot import the data {spec!r}: {told}; expected a module's name or the path of "
                "a .py file, and a function in it that gives the data"
            ) from error
        function = getattr(imported, name, None)
        if not callable(function):
            fault = "is no function" if hasattr(imported, name) else "is not there"
            own = sorted(
                each
                for each, value in vars(imported).items()
                if callable(value) and getattr(value, "__module__", "") == imported.__name__
            )
            raise DataError(
                f"cannot use the data {spec!r}: {name} {fault}; expected a function of {module} "
                f"that takes no arguments; it has {', '.join(own[:8]) or 'none'}"
            )
        try:
            given = function()
        except PruneMIError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise DataError(f"the data {spec!r} raised {told_of(error)}") from error
        yield given


def told_of(error: BaseException) -> str:
    """A user's exception in one line: its type, what it says, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith((_OURS, "<frozen"))]
    # Libraries raise deep inside; what the user can mend is the last line of their own.
    users = [frame for frame in own if "site-packages" not in frame.filename] or own
    place = f" ({Path(users[-1].filename).name}, line {users[-1].lineno})" if users else ""
    return f"{type(error).__name__}: {first_line(error)}{place}"


@contextmanager
def _found_beside(path: Path | None) -> Iterator[None]:
    """Lets a file import what lies beside it, as `python file.py` does."""
    if path is None:
        yield
        return
    folder = str(path.absolute().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _parts(spec: str) -> tuple[str, str]:
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise DataError(f"cannot use the data {spec!r}; expected module:function")
    return found["module"], found["name"]
