"""What a model's configuration asks for that is refused: code, unknown classes and operations."""

import binascii
import codecs
import marshal
import platform
import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.serialized import MODELS, label
from prune_mi.keras_io.runtime.trust import Trust, find_custom
from prune_mi.keras_io.upgrade.operations import find_operation
from prune_mi.keras_io.upgrade.rewriting import REPLACED_CLASSES, TENSORFLOW_INITIALIZERS

_FUNCTIONS = (
    *(keras.activations, keras.initializers, keras.regularizers, keras.constraints),
    *(keras.ops, keras.losses, keras.metrics),
)
_KERAS_MODULES = frozenset({"keras", "tf_keras", "keras_hub", "keras_cv", "keras_nlp"})
_PLAIN_MODULES = frozenset({"builtins", "numpy"})
_LAMBDAS = frozenset({"Lambda", "__lambda__"})
# Layers whose whole work is a program that lies elsewhere or is in the file as code.
_PROGRAMS = frozenset({"TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"})
# TensorFlow's operations in forms that name them otherwise.
_WRAPPERS = frozenset({"TensorFlowOpLayer", "ClassMethod", "InstanceMethod", "InstanceProperty"})
_TFMOT = {
    "PruneLowMagnitude": "tfmot.sparsity.keras.strip_pruning(model)",
    "ClusterWeights": "tfmot.clustering.keras.strip_clustering(model)",
}


def refuse_code_and_unknown(config: Mapping[str, Any], trust: Trust) -> None:
    """Goes through a configuration before Keras does.

    Keras 2 checks nothing of this kind: it runs a Lambda layer's bytecode, imports any module that
    a `.keras` file names, and calls any function of TensorFlow, the writing of files included.

    Raises:
        ModelError: If there is code in the configuration and `trust` does not allow it, a class
            that neither Keras nor the user's custom objects have, or a TensorFlow operation without
            a counterpart.
    """
    for entry in _objects(config):
        class_name = str(entry["class_name"])
        _refuse_dotted(entry, class_name)
        if class_name in _LAMBDAS or class_name in _PROGRAMS:
            _refuse_code(entry, class_name, trust)
        elif class_name in ("TFOpLambda", "SlicingOpLambda"):
            settings = entry["config"]
            function = settings.get("function", "") if isinstance(settings, Mapping) else ""
            find_operation(str(function), label(entry))
        elif class_name in _WRAPPERS:
            raise ModelError(
                f"the layer {label(entry)!r} is a {class_name}: a TensorFlow operation in a form "
                "that prune-mi does not read; express it with a layer of Keras and save the model "
                "again"
            )
        elif class_name == "function":
            _refuse_function(entry)
        else:
            _refuse_foreign(entry, class_name)
        _refuse_other_files(entry, trust)
    for entry in _layers(config):
        _refuse_unknown_layer(entry)


def has_single_layers_alone(config: Mapping[str, Any]) -> bool:
    """Whether no layer of a model is a model itself or an operation of TensorFlow."""
    classes = [str(entry["class_name"]) for entry in _layers(config)]
    return not any(each in MODELS or "OpLambda" in each for each in classes)


def _refuse_code(entry: Mapping[str, Any], class_name: str, trust: Trust) -> None:
    """Refuses layers that run code, and a Lambda whose code is not of this Python.

    Nothing of it is run. Keras writes a lambda as compiled code, whose form changes with Python's
    versions.
    """
    if not trust.allow_unsafe:
        what, advice = f"{class_name}: a program of another library", ""
        if class_name in _LAMBDAS:
            what = "Lambda: Python code in the model file"
            advice = (
                ". It is better to replace the layer by one of Keras's own and save the model again"
            )
        raise ModelError(
            f"the layer {label(entry)!r} is a {what}, which would run on this machine. If you "
            f"trust the file's source, pass --allow-unsafe{advice}"
        )
    code = _code(entry["config"]) if class_name in _LAMBDAS else None
    if code is None:
        return
    try:
        marshal.loads(_decoded(code))
    except (EOFError, ValueError, TypeError) as error:
        raise ModelError(
            f"the layer {label(entry)!r} is a Lambda whose code was compiled by another version of "
            f"Python; this one, {platform.python_version()}, cannot read it ({error}). Run "
            "prune-mi with the Python version that saved the model, or there replace the Lambda by "
            "a layer of Keras's own (or of yours, with --custom-objects) and save the model again"
        ) from error


def _code(config: Any) -> str | None:
    """The text that holds the code, wherever Keras 2 or 3 puts it."""
    function = config.get("function") if isinstance(config, Mapping) else None
    if isinstance(function, Mapping):  # Keras 3
        inner = function.get("config", function)
        code = inner.get("code") if isinstance(inner, Mapping) else None
    else:  # Keras 2; a text alone is a function's name
        code = function[0] if isinstance(function, list | tuple) and function else None
    return code if isinstance(code, str) else None


def _decoded(code: str) -> bytes:
    try:
        return codecs.decode(code.encode("ascii"), "base64")
    except (UnicodeEncodeError, binascii.Error):
        return code.encode("raw_unicode_escape")  # as early versions of Keras 2 wrote it


def _refuse_dotted(entry: Mapping[str, Any], class_name: str) -> None:
    """Refuses `layers.Lambda` of `keras`, by which both Kerases find `Lambda` of `keras.layers`."""
    if "." in class_name and not _is_foreign(entry.get("module")):
        raise ModelError(
            f"the layer or object {label(entry)!r} is a {class_name!r}: Keras never writes a class "
            "name with a dot; get the model from a source that you trust"
        )


def _refuse_other_files(entry: Mapping[str, Any], trust: Trust) -> None:
    """Refuses a vocabulary that is the path of a file: any file on this machine would be read."""
    config = entry["config"]
    vocabulary = config.get("vocabulary") if isinstance(config, Mapping) else None
    if isinstance(vocabulary, str) and not trust.allow_unsafe:
        raise ModelError(
            f"the layer {label(entry)!r} takes its vocabulary from another file, {vocabulary!r}; "
            "if you trust the model's source, pass --allow-unsafe, or save the model with the "
            "vocabulary in it"
        )


def _refuse_foreign(entry: Mapping[str, Any], class_name: str) -> None:
    """Refuses what names a module that is not Keras's, unless the user knows the class."""
    module = entry.get("module")
    if not _is_foreign(module) or module in TENSORFLOW_INITIALIZERS:
        return
    if find_custom(entry.get("registered_name"), class_name) is None:
        raise ModelError(_needs_code(entry, class_name))


def _refuse_function(entry: Mapping[str, Any]) -> None:
    """Refuses functions that are none of those which layers take, such as activations.

    Keras 2 takes a function from whatever module the file names, so the name alone says nothing.
    """
    name = str(entry["config"])
    foreign = _is_foreign(entry.get("module"))
    if not foreign and any(hasattr(module, name) for module in _FUNCTIONS):
        return
    if find_custom(name) is None:
        raise ModelError(_needs_code(entry, f"{entry['module']}.{name}" if foreign else name))


def _is_foreign(module: Any) -> bool:
    """Whether a module that an object is said to be from is none of Keras's."""
    if not isinstance(module, str):
        return False
    return module.partition(".")[0] not in _KERAS_MODULES | _PLAIN_MODULES


def _refuse_unknown_layer(entry: Mapping[str, Any]) -> None:
    class_name = str(entry["class_name"])
    if class_name in _TFMOT:
        raise ModelError(
            f"the layer {label(entry)!r} is a {class_name} of tensorflow-model-optimization, which "
            f"is only for training; save the model again after {_TFMOT[class_name]}"
        )
    if class_name.startswith("Quantize"):
        raise ModelError(
            f"the layer {label(entry)!r} is a {class_name} of tensorflow-model-optimization; "
            "expected the model from before quantize_model()"
        )
    if isinstance(entry.get("module"), str):
        return  # Keras's own, or the user knows it
    own = {*MODELS, *REPLACED_CLASSES, "TFOpLambda", "SlicingOpLambda"}
    if class_name in own or hasattr(keras.layers, class_name):
        return
    if _is_operation(class_name):
        raise ModelError(
            f"{label(entry)!r} is the operation {class_name} of keras.ops, which HDF5 files cannot "
            "hold: Keras does not open this file either. Keras writes masks of a Functional model "
            "in this way. Save the model as .keras where it was made"
        )
    if find_custom(entry.get("registered_name"), class_name) is None:
        raise ModelError(_needs_code(entry, class_name))


def _is_operation(class_name: str) -> bool:
    """Whether a class is that of a function of `keras.ops`: `NotEqual` of `not_equal`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name).lower()
    return name != class_name and hasattr(keras.ops, name)


def _needs_code(entry: Mapping[str, Any], class_name: str) -> str:
    return (
        f"the layer or object {label(entry)!r} is a {class_name!r}, which is not one of Keras 3's; "
        "if it is your own, pass --custom-objects with the module or the .py file that defines it"
    )


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every serialized object in a configuration, from the outside in."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            if "class_name" in each and "config" in each:
                yield each
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)


def _layers(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every entry of a model's list of layers, those of models inside it included."""
    for entry in _objects(config):
        inner = entry["config"]
        # The first Keras wrote a Sequential model as the list of its layers.
        layers = inner.get("layers") if isinstance(inner, Mapping) else inner
        if str(entry["class_name"]) in MODELS and isinstance(layers, list):
            yield from (
                each for each in layers if isinstance(each, Mapping) and "class_name" in each
            )
