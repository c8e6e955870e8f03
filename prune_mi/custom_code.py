"""The user's own code that a model needs: imported on request, never because a file names it."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from prune_mi.errors import ConfigError, first_line

_LIBRARIES = frozenset({"keras", "tf_keras", "tensorflow"})


def import_code(source: str) -> ModuleType:
    """Imports what `--custom-objects` names.

    Args:
        source: A module's dotted name, found from the current folder too, or the path of a `.py`
            file.

    Raises:
        ConfigError: If there is no such module or file, or importing it fails.
    """
    try:
        if source.endswith(".py"):
            return _import_file(Path(source))
        return _import_module(source)
    except ConfigError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise ConfigError(
            f"cannot import the custom objects {source!r}: {type(error).__name__}: "
            f"{first_line(error)}; expected a module's name or the path of a .py file that defines "
            "the model's own layers"
        ) from error


def custom_objects(source: str, keras: Any) -> dict[str, Any]:
    """The layers, losses, activations and so on by name that a module or file of the user's has.

    Functions are those that the module, or its package, defines; classes are those that no library
    does.

    Args:
        source: What `--custom-objects` names.
        keras: The library for which they are: Keras 3, or Keras 2 in its own process.

    Raises:
        ConfigError: If there is no such module or file, or importing it fails.
    """
    module = import_code(source)
    package = module.__name__.partition(".")[0]
    bases = (
        keras.layers.Layer,
        keras.initializers.Initializer,
        keras.regularizers.Regularizer,
        keras.constraints.Constraint,
        keras.losses.Loss,
        keras.metrics.Metric,
        keras.optimizers.Optimizer,
        keras.optimizers.schedules.LearningRateSchedule,
    )

    def is_own(value: object) -> bool:
        if isinstance(value, FunctionType):
            return _package(value) == package
        is_known = isinstance(value, type) and issubclass(value, bases)
        return is_known and _package(value) not in _LIBRARIES

    return {name: value for name, value in vars(module).items() if is_own(value)}


def _package(value: Any) -> str:
    return str(value.__module__).partition(".")[0]


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(
            f"no such file: {path}; --custom-objects expects a module's name or the path of a .py "
            "file"
        )
    # A name of its own, so that a file called keras.py hides nothing; its objects register again
    # under the same names, which Keras allows.
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_custom_objects"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be imported; expected a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look it up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_module(name: str) -> ModuleType:
    folder = os.getcwd()
    sys.path.insert(0, folder)  # a console script, unlike `python -m`, does not look there
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)
