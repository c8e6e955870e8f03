"""The original studied in a worker: what is done with the user's data may end a process."""

from dataclasses import replace
from pathlib import Path

import keras

from prune_mi.config import RunSettings
from prune_mi.data import Dataset
from prune_mi.errors import ModelError, first_line
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.store import Store
from prune_mi.keras_io.compiling import CompileConfig
from prune_mi.records import Observer, SilentObserver
from prune_mi.stages.note_taker import NoteTaker
from prune_mi.stages.prepare import Understanding, understand

_IMAGES = "images_to_study"


def study(
    model: keras.Model,
    data: Dataset,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    scratch: Path,
    observer: Observer,
    compiled: CompileConfig | None = None,
) -> Understanding:
    """`understand`, in a worker.

    Args:
        model: Of Keras 3.
        data: As loaded.
        settings: The run's settings.
        pool: Whose worker it is.
        scratch: A folder for the model on its way.
        observer: Hears what was found, when all was.
        compiled: What the model was compiled with.

    Raises:
        PruneMIError: As `understand` does.
        RunError: If the worker died twice.
    """
    path = scratch / "studied.keras"
    try:
        model.save(path)
    except Exception as error:  # whatever Keras's saving makes of a model
        raise ModelError(
            f"the model cannot be written as .keras: {first_line(error)}; expected layers that "
            "Keras can save"
        ) from error
    pool.store.put(_IMAGES, data.x_train)
    rest = replace(data, x_train=data.x_train[:1], x_test=data.x_test[:1], x_val=None)
    understanding, said = pool.call(_studied, path, pool.store, rest, settings, compiled)
    pool.store.drop(_IMAGES)
    path.unlink(missing_ok=True)
    for note in said:
        observer.note(note)
    return understanding


def _studied(
    path: Path,
    store: Store,
    data: Dataset,
    settings: RunSettings,
    compiled: CompileConfig | None,
) -> tuple[Understanding, list[str]]:
    """Runs in the worker; only training images are asked about."""
    notes = NoteTaker(SilentObserver())
    model = keras.models.load_model(path, compile=False)
    whole = replace(data, x_train=store.get(_IMAGES))
    return understand(model, whole, settings, notes, compiled=compiled), notes.said
