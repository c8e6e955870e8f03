"""The original studied in a worker: what is done with the user's data may end a process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keras

from prune_mi.config import RunSettings
from prune_mi.data import Dataset
from prune_mi.errors import ModelError, first_line
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.store import Store
from prune_mi.keras_io.saving.compiling import CompileConfig
from prune_mi.preparation.profile import Profile, profile_like, profile_of
from prune_mi.records import Observer, SilentObserver
from prune_mi.runs.notes import NoteTaker

_IMAGES = "images_to_study"


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
    with _laid_out(model, data, pool) as (path, rest):
        profile, said = pool.call(_studied, path, pool.store, rest, settings, compiled, trains)
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
) -> Profile:
    """`profile_like`, in a worker; see `study`.

    Raises:
        PruneMIError: As `profile_like` does.
        RunError: If the worker died twice.
    """
    with _laid_out(model, data, pool) as (path, rest):
        return pool.call(_studied_as, like, path, pool.store, rest, settings)


@contextmanager
def _laid_out(
    model: keras.Model, data: Dataset, pool: WorkerPool
) -> Iterator[tuple[Path, Dataset]]:
    """The model as a file, and the data without what workers read from the store."""
    path = pool.folder / "studied.keras"
    try:
        model.save(path)
    except Exception as error:  # whatever Keras's saving makes of a model
        raise ModelError(
            f"the model cannot be written as .keras: {first_line(error)}; expected layers that "
            "Keras can save"
        ) from error
    pool.store.put(_IMAGES, data.x_train)
    yield path, replace(data, x_train=data.x_train[:1], x_test=data.x_test[:1], x_val=None)
    pool.store.drop(_IMAGES)
    path.unlink(missing_ok=True)


def _studied(
    path: Path,
    store: Store,
    data: Dataset,
    settings: RunSettings,
    compiled: CompileConfig | None,
    trains: bool,
) -> tuple[Profile, list[str]]:
    """Runs in the worker; only training images are asked about."""
    notes = NoteTaker(SilentObserver())
    model = keras.models.load_model(path, compile=False)
    whole = replace(data, x_train=store.get(_IMAGES))
    found = profile_of(model, whole, settings, notes, compiled=compiled, trains=trains)
    return found, notes.said


def _studied_as(
    like: Profile, path: Path, store: Store, data: Dataset, settings: RunSettings
) -> Profile:
    """Runs in the worker."""
    model = keras.models.load_model(path, compile=False)
    return profile_like(like, model, replace(data, x_train=store.get(_IMAGES)), settings)
