"""The original studied in a worker: what is done with the user's data may end a process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import keras

from prune_mi.config import RunSettings
from prune_mi.data import Dataset
from prune_mi.errors import ModelError, first_line
from prune_mi.execution.pool import WorkerPool, temporary_pool
from prune_mi.execution.store import Store
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.keras_io.saving.compiling import CompileConfig
from prune_mi.preparation.find_profile import profile_like, profile_of
from prune_mi.preparation.profile import Profile
from prune_mi.records import Observer, SilentObserver
from prune_mi.runs.notes import NoteTaker

_T = TypeVar("_T")


@contextmanager
def studied(
    loaded: LoadedModel, data: Dataset, settings: RunSettings, notes: Observer, workers: int | None
) -> Iterator[tuple[WorkerPool, Profile]]:
    """A model that a command asks outside of any run: where it is asked, and how; see `study`."""
    with temporary_pool(workers=workers, observer=notes, trust=loaded.trust) as pool:
        notes.phase("Studying the model")
        compiled = loaded.compile_config
        yield (
            pool,
            study(loaded.model, data, settings, pool=pool, observer=notes, compiled=compiled),
        )


def study(
    model: keras.Model,
    data: Dataset,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    observer: Observer,
    compiled: CompileConfig | None = None,
    trains: bool = True,
) -> Profile:
    """`profile_of`, in a worker.

    Args:
        model: Of Keras 3.
        data: As loaded.
        settings: The run's settings.
        pool: Whose worker it is.
        observer: Hears what was found, when all was.
        compiled: What the model was compiled with.
        trains: Whether anything is to be trained.

    Raises:
        PruneMIError: As `profile_of` does.
        RunError: If the worker died twice.
    """
    find = partial(_noted, settings=settings, compiled=compiled, trains=trains)
    profile, said = _in_worker(find, model, data, pool)
    for note in said:
        observer.note(note)
    return profile


def study_as(
    like: Profile,
    model: keras.Model,
    data: Dataset,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    compiled: CompileConfig | None = None,
) -> Profile:
    """`profile_like`, in a worker; see `study`.

    Raises:
        PruneMIError: As `profile_like` does.
        RunError: If the worker died twice.
    """
    find = partial(profile_like, like, settings=settings, compiled=compiled)
    return _in_worker(find, model, data, pool)


def _in_worker(
    find: Callable[[keras.Model, Dataset], _T], model: keras.Model, data: Dataset, pool: WorkerPool
) -> _T:
    """What is found of a model, which goes as a file; workers read the images from the store."""
    path = pool.folder / "studied.keras"
    try:
        model.save(path)
    except Exception as error:  # whatever Keras's saving makes of a model
        raise ModelError(
            f"the model cannot be written as .keras: {first_line(error)}; expected layers that "
            "Keras can save"
        ) from error
    stored: dict[str, Any] = {"x_train": data.x_train}
    if data.form == "masks":  # which are as large as images
        stored |= {"y_train": data.y_train, "y_test": data.y_test}
    for name, array in stored.items():
        pool.store.put(f"{name}_to_study", array)
    rest = replace(data, x_train=data.x_train[:1], x_test=data.x_test[:1], x_val=None)
    first: dict[str, Any] = {name: array[:1] for name, array in stored.items()}
    rest = replace(rest, **first)
    found = pool.call(_found, find, path, pool.store, rest, tuple(stored))
    for name in stored:
        pool.store.drop(f"{name}_to_study")
    path.unlink(missing_ok=True)
    return found


def _found(
    find: Callable[[keras.Model, Dataset], _T],
    path: Path,
    store: Store,
    data: Dataset,
    stored: tuple[str, ...],
) -> _T:
    """Runs in the worker; only training images are asked about."""
    model = keras.models.load_model(path, compile=False)
    there: dict[str, Any] = {name: store.get(f"{name}_to_study") for name in stored}
    return find(model, replace(data, **there))


def _noted(
    model: keras.Model,
    data: Dataset,
    settings: RunSettings,
    compiled: CompileConfig | None,
    trains: bool,
) -> tuple[Profile, list[str]]:
    notes = NoteTaker(SilentObserver())
    found = profile_of(model, data, settings, notes, compiled=compiled, trains=trains)
    return found, notes.said
