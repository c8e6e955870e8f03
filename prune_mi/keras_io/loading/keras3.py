"""Opens a file with Keras 3 alone."""

import math
import shutil
import tempfile
import threading
from copy import deepcopy
from pathlib import Path
from typing import Any

import keras

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.files.archive import weights_name
from prune_mi.keras_io.files.model_file import ModelFile
from prune_mi.keras_io.loading.refusals import has_single_layers_alone
from prune_mi.keras_io.runtime.trust import Trust


class ImplausibleSizeError(ModelError):
    """The architecture asks for far more weights than the file can hold."""


def keras3_may_open(file: ModelFile) -> bool:
    """Whether it is worth while to try.

    Keras 3 opens flat models that Keras 2 wrote as HDF5. It does not know that Keras 2 counts the
    calls of a model inside a model from 1, nor the layers that Keras 2 puts round TensorFlow.
    """
    if not file.from_keras2:
        return True
    return file.kind in ("h5", "weights") and has_single_layers_alone(file.config)


def open_with_keras3(file: ModelFile, trust: Trust) -> keras.Model:
    """Opens the file, not compiled.

    Raises:
        ModelError: If Keras 3 does not open it.
        ImplausibleSizeError: If the architecture asks for far more weights than the file can hold.
    """
    try:
        _require_plausible_size(file, trust)
        if file.kind == "weights":
            model = _from_config(file, trust)
            _load_weights(model, file.path)
            return model
        return keras.models.load_model(file.path, compile=False, safe_mode=not trust.allow_unsafe)
    except ImplausibleSizeError as error:
        raise ImplausibleSizeError(f"cannot open {file.path}: {error}") from error
    except Exception as error:  # Keras raises whatever a broken file makes it raise
        raise ModelError(
            f"Keras {keras.__version__} cannot load {file.path}: {first_line(error)}. If another "
            "version or custom code wrote it, save it again as .keras from there"
        ) from error


def _require_plausible_size(file: ModelFile, trust: Trust) -> None:
    """Builds the model with weights that have shapes alone, and counts them.

    Keras makes no values in a stateless scope. The scope would make them when it ends, so it never
    ends: it belongs to a thread, and is gone with it.
    """
    outcome: list[Any] = []

    def count() -> None:
        try:
            keras.StatelessScope().__enter__()
            weights = _from_config(file, trust).weights
            outcome.append(sum(math.prod(weight.shape) for weight in weights))
        except Exception as error:  # handed on to the thread that asked
            outcome.append(error)

    thread = threading.Thread(target=count, name="weight-size")
    thread.start()
    thread.join()
    (found,) = outcome
    if isinstance(found, Exception):
        if keras.saving.get_custom_objects():
            return  # a layer of the user's may make weights in a way that needs their memory
        raise found
    if found > file.most_weights:
        raise ImplausibleSizeError(
            f"the model's architecture asks for {found:,} weights, and the file holds "
            f"{file.num_bytes:,} bytes of them; save the model again"
        )


def _from_config(file: ModelFile, trust: Trust) -> keras.Model:
    if trust.allow_unsafe:
        keras.config.enable_unsafe_deserialization()  # a thread has this setting of its own
    config = deepcopy(dict(file.config))  # Keras empties it
    config.pop("compile_config", None)  # an optimizer makes variables at once
    if "module" in config:
        return keras.saving.deserialize_keras_object(config, safe_mode=not trust.allow_unsafe)
    cls = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    return cls.from_config(config["config"])


def _load_weights(model: keras.Model, path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="prune-mi-") as folder:
        model.load_weights(shutil.copyfile(path, Path(folder) / weights_name(path)))
