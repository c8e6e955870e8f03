"""What a model was compiled with: read from its file, and done again for another model.

Neither Keras reads the other's form of this without failing on some of it, so it stays plain data
until a model is compiled.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.runtime.trust import find_custom

_WORDS = frozenset({"accuracy", "acc", "crossentropy", "ce"})  # Keras chooses by output and loss

# Losses that no classifier of one linear unit should be trained by.
_OF_NUMBERS = frozenset(
    {
        *("mse", "mean_squared_error", "mae", "mean_absolute_error", "huber", "log_cosh"),
        *("msle", "mean_squared_logarithmic_error", "mape", "mean_absolute_percentage_error"),
        *("logcosh", "poisson", "huber_loss"),
    }
)


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


def regression_loss_of(config: CompileConfig | None, name: str, place: int) -> str | None:
    """The name of an output's loss where it is one of numbers, such as `mean_squared_error`.

    Args:
        config: What its model was compiled with.
        name: Of the output.
        place: Of the output among the model's.

    Returns:
        None where the loss is one of classes, or is not known.
    """
    found = loss_name_of(config, name, place)
    return found if found in _OF_NUMBERS else None


def loss_name_of(config: CompileConfig | None, name: str, place: int) -> str | None:
    """The name of an output's loss, such as `mean_squared_error`; None where there is none."""
    loss = loss_config_of(config, name, place)
    if isinstance(loss, Mapping):
        is_function = loss.get("class_name") == "function"
        loss = loss.get("config") if is_function else loss.get("class_name")
    if loss is None:
        return None
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(loss)).lower()


def loss_config_of(config: CompileConfig | None, name: str, place: int) -> Any:
    """What is written of an output's loss; None where there is none."""
    loss = None if config is None else config.loss
    if isinstance(loss, Mapping) and "class_name" not in loss:
        loss = loss.get(name)
    if isinstance(loss, list | tuple):
        loss = loss[place] if place < len(loss) else None
    return loss


def own_loss_of(config: CompileConfig | None, name: str, place: int) -> Any:
    """What is written of an output's loss where that is the user's own; None where it is Keras's.

    Raises:
        ModelError: If it is the user's own and is not known here.
    """
    loss, snake = loss_config_of(config, name, place), loss_name_of(config, name, place)
    if snake is None or _known_to(keras.losses, snake) or _is_of_keras(loss):
        return None
    made_loss(loss)
    return loss


def made_loss(written: Any) -> Any:
    """A loss of Keras's or of the user's own, from what is written of it.

    Raises:
        ModelError: If it is not known here.
    """
    return keras.losses.get(_loss(written))


def _is_of_keras(loss: Any) -> bool:
    if not isinstance(loss, Mapping):
        return False
    return str(loss.get("module", "")).split(".")[0] in ("keras", "builtins_of_keras")


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
    note = None
    names = tuple(getattr(model, "output_names", ()))
    metric = partial(_metric, outputs=names if len(names) > 1 else ())
    try:
        metrics, weighted = (
            _each(_unnested(each), metric) for each in (config.metrics, config.weighted_metrics)
        )
    except Exception as error:  # an old file may say anything, and Keras raise anything
        metrics = weighted = None
        note = f"The model is written without its metrics: {_why(error)}."
    try:
        model.compile(
            optimizer=_optimizer(config.optimizer),
            loss=_each(config.loss, _loss),
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
        settings["learning_rate"] = _make(rate, keras.optimizers.schedules, "schedule")
    return _make({**written, "config": settings}, keras.optimizers, "optimizer")


def _loss(written: Any) -> Any:
    name = _function_name(written)
    if name is not None:
        return _function(name, (keras.losses,), "loss")
    if isinstance(written, str):
        # Kept as a name, by which Keras knows classes too, unless it is the user's function.
        return written if _known_to(keras.losses, written) else _function(written, (), "loss")
    config = dict(written.get("config") or {})
    if config.get("reduction") in ("auto", "none", None):
        config["reduction"] = "sum_over_batch_size"
    return _make({**written, "config": config}, keras.losses, "loss")


def _metric(written: Any, outputs: Sequence[str]) -> Any:
    """A metric.

    Args:
        written: What is written of it.
        outputs: The model's outputs where it has several: Keras 2 writes their names before the
            metrics' own, and Keras 3 shows them there.
    """
    # A function of losses may be a metric too; Keras writes some in HDF5 by their names.
    modules = (keras.metrics, keras.losses)
    name = _function_name(written)
    if name is not None:
        return _function(name, modules, "metric")
    if isinstance(written, str):
        known = written in _WORDS or _known_to(keras.metrics, written)
        return written if known else _function(written, modules, "metric")
    config = dict(written["config"])
    if written["class_name"] == "MeanMetricWrapper":
        function = config["fn"]
        if isinstance(function, str):  # by Keras 2
            config["name"] = _without_output(str(config.get("name")), outputs)
        if config.get("name") in _WORDS:
            # Saved before it was trained, Keras 2 writes what it took the labels for: a guess.
            return config["name"]
        found = _function(_function_name(function) or str(function), modules, "metric")
        return keras.metrics.MeanMetricWrapper(found, name=config.get("name"))
    own = _without_output(str(config.get("name")), outputs)
    if own.replace("_", "") == str(written["class_name"]).lower():
        config["name"] = own  # else it is a name that the user gave
    return _make({**written, "config": config}, keras.metrics, "metric")


def _function_name(written: Any) -> str | None:
    """The name of a serialized function; None where it is no function."""
    if not isinstance(written, Mapping):
        return None
    if written.get("class_name") == "__lambda__":
        return "<lambda>"
    return str(written["config"]) if written.get("class_name") == "function" else None


def _function(name: str, modules: Sequence[Any], role: str) -> Any:
    """A function of the user's or of Keras's, by the name in a file.

    Raises:
        ModelError: If there is none.
    """
    if name == "<lambda>":
        raise ModelError(
            f"its {role} is a lambda, whose code is not in the file; define it as a function in a "
            ".py file, save the model again compiled with that, and pass --custom-objects with the "
            "file"
        )
    short = name.rpartition(">")[2]  # functions are registered as package>name
    custom = find_custom(name, short)
    if custom is not None:
        return custom
    for module in modules:
        if hasattr(module, short):
            return getattr(module, short)
        if module is keras.losses and _known_to(module, short):
            return module.get(short)  # `mse` and other short names
    raise ModelError(_not_found(short, role))


def _known_to(module: Any, name: str) -> bool:
    try:
        return module.get(name) is not None
    except (ValueError, TypeError):
        return False


def _make(written: Mapping[str, Any], module: Any, role: str) -> Any:
    """An object from its class's name and settings; settings that the class lacks are left out."""
    name = str(written["class_name"])
    short = name.rpartition(">")[2]
    custom = find_custom(written.get("registered_name"), name, short)
    if custom is not None and hasattr(custom, "from_config"):
        return custom.from_config(dict(written["config"]))
    cls = custom or getattr(module, short, None)
    if cls is None:
        raise ModelError(_not_found(short, role))
    parameters = inspect.signature(cls.__init__).parameters
    known = {
        key: value
        for key, value in written["config"].items()
        if key in parameters and value is not None and key not in ("dtype", "fn")
    }
    return cls(**known)


def _not_found(name: str, role: str) -> str:
    return (
        f"its {role} {name!r} is not one of Keras 3's; if it is your own, pass --custom-objects "
        "with the module or the .py file that defines it"
    )


def _without_output(name: str, outputs: Sequence[str]) -> str:
    """A metric's name without the output's before it, which Keras 2 adds with each training."""
    for output in outputs:
        while name.startswith(f"{output}_"):
            name = name.removeprefix(f"{output}_")
    return name


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
    return first_line(error)[:300].rstrip(".")
