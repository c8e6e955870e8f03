"""Models that are handed over from Python, opened by the path that files are opened by.

A loaded model is written to a temporary file for as long as a function works with it. Nothing of
the model itself is touched: neither its weights nor what it is compiled with.
"""

import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from prune_mi.errors import ModelError, PruneMIError, first_line
from prune_mi.graph.digest import arrays_digest
from prune_mi.keras_io.files.model_file import model_sources, read_model_file
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.records import ModelSource, in_memory

NO_TRUST = Trust()
_EXPECTED = "expected the path of a trained model, or a keras.Model"
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


@contextmanager
def opened_sources(
    models: Sequence[Any],
    *,
    model_json: str | os.PathLike[str] | None = None,
    trust: Trust = NO_TRUST,
) -> Iterator[list[ModelSource]]:
    """Model files, of which those of loaded models are there for the time of the context.

    What is said of such a file in an error within the context is said of the model.

    Args:
        models: Paths of files or of run folders, and loaded models.
        model_json: JSON of `model.to_json()`, for files that hold weights alone.
        trust: How far all of them are trusted.

    Raises:
        ModelError: If one is neither, a file cannot be used, or a loaded model is one that Keras
            cannot save and open again.
    """
    with TemporaryDirectory(prefix="prune-mi-") as folder:
        written: dict[Path, ModelSource] = {}
        paths = []
        for place, model in enumerate(models):
            if isinstance(model, str | os.PathLike):
                paths.append(Path(model))
                continue
            _require_complete(model, has_custom=trust.custom_objects is not None)
            own = Path(folder, str(place))
            own.mkdir()
            source = _written(model, own, trust)
            written[source.path] = source
            paths.append(source.path)
        try:
            sources = model_sources(
                paths,
                model_json=None if model_json is None else Path(model_json),
                allow_unsafe=trust.allow_unsafe,
                custom_objects=trust.custom_objects,
            )
            yield [written.get(each.path, each) for each in sources]
        except PruneMIError as error:
            told = str(error)
            for path, source in written.items():
                told = told.replace(str(path), source.told)
            if told == str(error):
                raise
            raise type(error)(told) from error


def _require_complete(model: Any, *, has_custom: bool) -> None:
    """Refuses what is no model, and models whose layers or weights are not there yet.

    Raises:
        ModelError: If it is such a one.
    """
    if not isinstance(model, keras.Model):
        kind = type(model).__name__
        if type(model).__module__.partition(".")[0] == "tf_keras":
            raise ModelError(
                f"received a model of Keras 2 (tf_keras, {kind}); {_EXPECTED} of Keras 3: save it "
                "with model.save('model.keras') and pass that path"
            )
        raise ModelError(f"received an object of the type {kind} as the model; {_EXPECTED}")
    is_sequential = isinstance(model, keras.Sequential)
    if not is_sequential and not hasattr(model, "operations"):
        raise ModelError(
            f"the model {model.name!r} is a subclass of keras.Model with a `call` of its own "
            f"({type(model).__name__}), so its layers are not to be seen from outside; expected a "
            "Functional or Sequential model: build one with keras.Model(inputs, outputs)"
        )
    if not model.built or (is_sequential and not model.inputs):
        raise ModelError(
            f"the model {model.name!r} is not built yet: its layers have no weights; expected a "
            "trained model, whose input shape is known: begin a Sequential model with "
            "keras.Input(shape)"
        )
    if not has_custom:
        _require_registered(model)


def _require_registered(model: keras.Model) -> None:
    """Refuses layers of the user's own that Keras could save and not open again.

    Raises:
        ModelError: If there is one.
    """
    saving = keras.saving
    for layer in model.layers:
        kind = type(layer)
        if kind.__module__.partition(".")[0] in ("keras", "keras_hub"):
            continue
        if saving.get_registered_object(saving.get_registered_name(kind)) is not kind:
            raise ModelError(
                f"the layer {layer.name!r} of the model {model.name!r} is a {kind.__name__}, which "
                "Keras does not know in this process; expected a class that is registered: put "
                "@keras.saving.register_keras_serializable() above it"
            )


def _written(model: keras.Model, folder: Path, trust: Trust) -> ModelSource:
    """A model's file, in a folder."""
    name = _NOT_IN_NAMES.sub("-", model.name).strip("-.") or "model"
    path = folder / f"{name}.keras"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what may not be opened again, errors will tell
            model.save(path)
    except Exception as error:  # whatever a disk or Keras's own saving makes of it
        raise ModelError(
            f"the model {model.name!r} cannot be saved: {first_line(error)}; expected a model that "
            "model.save('model.keras') saves"
        ) from error
    return ModelSource(
        path,
        allow_unsafe=trust.allow_unsafe,
        custom_objects=trust.custom_objects,
        name=in_memory(model.name),
        digest=_digest(model, read_model_file(path).config),
    )


def _digest(model: keras.Model, config: Mapping[str, Any]) -> str:
    """Of layers and weights alone: files of equal models differ in the time of their writing."""
    layers = json.dumps(_without_addresses(config), sort_keys=True).encode()
    weights = (np.asarray(keras.ops.convert_to_numpy(each)) for each in model.weights)
    return hashlib.blake2b(layers + arrays_digest(weights).encode(), digest_size=16).hexdigest()


def _without_addresses(config: Any) -> Any:
    """A configuration without the addresses in memory by which Keras tells shared objects."""
    if isinstance(config, Mapping):
        kept = {name: each for name, each in config.items() if name != "shared_object_id"}
        return {name: _without_addresses(each) for name, each in kept.items()}
    return [_without_addresses(each) for each in config] if isinstance(config, list) else config
