"""What a model was compiled with: read from its file, and done again for another model.

Neither Keras reads the other's form of this without failing on some of it, so it stays plain data
until a model is compiled.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.trust import find_custom

_WORDS = frozenset({"accuracy", "acc", "crossentropy", "ce"})  # Keras chooses by output and loss


@dataclass(frozen=True, slots=True)
class CompileConfig:
    """Plain data: names, or serialized objects of Keras 2 or 3, or lists and dicts of them.

    Attributes:
        optimizer: Its class and settings, or its name.
        loss, metrics, weighted_metrics, loss_weights: As `Model.compile` takes them.
    """

    optimizer: Any
    loss: Any
    metrics: Any
    weighted_metrics: Any
    loss_weights: Any


def read_compile_config(written: Mapping[str, Any] | None) -> CompileConfig | None:
    """Reads what HDF5 files, `.keras` archives and SavedModels say, each in its way."""
    if not written:
        return None
    found = CompileConfig(
        optimizer=written.get("optimizer_config") or written.get("optimizer"),
        loss=written.get("loss"),
        metrics=written.get("metrics"),
        weighted_metrics=written.get("weighted_metrics"),
        loss_weights=written.get("loss_weights"),
    )
    return None if found.loss is None and found.optimizer is None else found


def compile_like(model: keras.Model, config: CompileConfig | None) -> str | None:
    """Compiles a model as another one was: its loss, metrics and a new optimizer of the same kind.

    Args:
        model: Of Keras 3.
        config: What the other was compiled with; None leaves the model as it is.

    Returns:
        None, or a sentence on what could not be kept. Where that is the loss or the optimizer the
        model is left as it is.
    """
    if config is None:
        return None
    try:
        optimizer = _optimizer(config.optimizer)
        loss = _each(config.loss, _loss)
    except Exception as error:  # an old file may say anything, and Keras raise anything
        return f"The model is written without its loss and optimizer: {_why(error)}."
    note = None
    try:
        metrics, weighted = (
            _each(_unnested(each), _metric) for each in (config.metrics, config.weighted_metrics)
        )
    except Exception as error:
        metrics = weighted = None
        note = f"The model is written without its metrics: {_why(error)}."
    try:
        model.compile(
            optimizer=optimizer,
            loss=loss,
            loss_weights=config.loss_weights,
            metrics=metrics,
            weighted_metrics=weighted,
        )
    except Exception as error:
        return f"The model is written without its loss and optimizer: {_why(error)}."
    return note


def _optimizer(written: Any) -> Any:
    if written is None:
        return "rmsprop"  # what Keras takes where nothing is said
    if isinstance(written, str):
        return keras.optimizers.get(written)
    settings = dict(written["config"])
    inner = settings.get("inner_optimizer") or settings.get("optimizer")
    if isinstance(inner, Mapping):
        return _optimizer(inner)  # Keras scales losses of half precision by itself
    if "lr" in settings:
        settings["learning_rate"] = settings.pop("lr")
    rate = settings.get("learning_rate")
    if isinstance(rate, Mapping):
        settings["learning_rate"] = _make(rate, keras.optimizers.schedules)
    return _make({**written, "config": settings}, keras.optimizers)


def _loss(written: Any) -> Any:
    if isinstance(written, str):
        keras.losses.get(written)  # or the user hears of it only when training
        return written
    config = dict(written.get("config") or {}) if written["class_name"] != "function" else {}
    if config.get("reduction") in ("auto", "none", None):
        config["reduction"] = "sum_over_batch_size"
    return _make(written if not config else {**written, "config": config}, keras.losses)


def _metric(written: Any) -> Any:
    if isinstance(written, str):
        if written not in _WORDS:
            keras.metrics.get(written)
        return written
    if written["class_name"] == "MeanMetricWrapper":
        config = written["config"]
        if config.get("name") in _WORDS:
            # Saved before it was trained, Keras 2 writes what it took the labels for: a guess.
            return config["name"]
        function = config["fn"]
        if isinstance(function, Mapping):
            function = function["config"]
        return keras.metrics.MeanMetricWrapper(
            getattr(keras.metrics, str(function)), name=config.get("name")
        )
    return _make(written, keras.metrics)


def _make(written: Mapping[str, Any], module: Any) -> Any:
    """An object from its class's name and settings; settings that the class lacks are left out."""
    name = str(written["class_name"])
    if name == "function":
        return module.get(str(written["config"]))
    short = name.rpartition(">")[2]
    cls = find_custom(written.get("registered_name"), name, short) or getattr(module, short, None)
    if cls is None:
        raise ModelError(f"{short!r} is not one of Keras 3's")
    parameters = inspect.signature(cls.__init__).parameters
    known = {
        key: value
        for key, value in written["config"].items()
        if key in parameters and value is not None and key not in ("dtype", "fn")
    }
    return cls(**known)


def _each(written: Any, make: Any) -> Any:
    """The same structure with objects in place of what is written of them."""
    if written is None:
        return None
    if isinstance(written, Mapping) and "class_name" not in written:
        return {key: _each(value, make) for key, value in written.items()}
    if isinstance(written, list | tuple):
        return [_each(value, make) for value in written]
    return make(written)


def _unnested(metrics: Any) -> Any:
    """Keras 2 may write the metrics of a single output as a list in a list."""
    alone = isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list)
    return metrics[0] if alone else metrics


def _why(error: BaseException) -> str:
    return first_line(error)[:200].rstrip(".")
