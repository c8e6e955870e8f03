"""What a classifier takes and gives, and which of its outputs is judged.

A judged output of several units has a class for each; one of a single unit tells two classes apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from prune_mi.data import ModelInput, shape_text
from prune_mi.errors import ConfigError, ModelError
from prune_mi.graph.interface.binary_output import UnitReading, last_activations, unit_reading
from prune_mi.graph.ir import num_values
from prune_mi.keras_io.model_graph.trace import named_ends, trace_model


@dataclass(frozen=True, slots=True)
class Interface:
    """A classifier from outside.

    Attributes:
        inputs: In the order of the traced graph.
        outputs: Names, likewise; those that several outputs share have their place behind them.
        judged: Place of the output that is to be kept accurate.
        num_classes: Its classes.
        unit: How the judged output is read where it is one unit, else None. Whether a linear unit
            is a classifier's is for the labels to say.
    """

    inputs: tuple[ModelInput, ...]
    outputs: tuple[str, ...]
    judged: int
    num_classes: int
    unit: UnitReading | None = None

    @property
    def judged_name(self) -> str:
        """Name of the judged output."""
        return self.outputs[self.judged]

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the outputs that are not judged, in order."""
        return tuple(name for place, name in enumerate(self.outputs) if place != self.judged)


def read_interface(model: keras.Model, output: str | None) -> Interface:
    """Reads a model's inputs and outputs.

    Args:
        model: A built model.
        output: Name of the output to keep accurate; None where there is but one.

    Raises:
        ModelError: If the model has no graph, or that output is no classifier's.
        ConfigError: If there is no output of that name, or several and none was named.
    """
    inputs, outputs = named_ends(model)
    names = _unique([name for name, _ in outputs])
    judged = judged_output(model, output)
    shape = outputs[judged][1].shape
    unit = _unit(model, judged, names[judged]) if num_values(shape) == 1 else None
    if unit is None and (len(shape) != 2 or shape[1] is None):
        raise ModelError(_no_classes(names[judged], shape))
    if len(inputs) == 1 and len(inputs[0][1].shape) < 2:
        raise ModelError(
            f"the model's input has the shape {inputs[0][1].shape}; expected at least one axis "
            "after the batch axis"
        )
    return Interface(
        inputs=tuple(ModelInput(name, spec.shape[1:]) for name, spec in inputs),
        outputs=names,
        judged=judged,
        num_classes=2 if unit else shape[1] or 0,
        unit=unit,
    )


def judged_output(model: keras.Model, output: str | None) -> int:
    """Place of the output of a name, whatever it yields; None names the only one.

    Raises:
        ModelError: If the model has no graph.
        ConfigError: If there is no output of that name, or several and none was named.
    """
    _, outputs = named_ends(model)
    names = _unique([name for name, _ in outputs])
    told = ", ".join(
        f"{name!r} {shape_text(spec.shape[1:])}"
        for name, (_, spec) in zip(names, outputs, strict=True)
    )
    if output is not None:
        if output in names:
            return names.index(output)
        raise ConfigError(
            f"`output` is {output!r}, but the model has no such output; expected one of {told}"
        )
    if len(names) > 1:
        raise ConfigError(
            f"the model has {len(names)} outputs: {told}; name the one to keep accurate with "
            "--output"
        )
    return 0


def _unit(model: keras.Model, judged: int, name: str) -> UnitReading:
    """How a single unit is read.

    Raises:
        ModelError: If it ends in an activation that no classifier of two classes ends in.
    """
    graph = trace_model(model)
    reading = unit_reading(graph, graph.outputs[judged])
    if reading is not None:
        return reading
    found = sorted(last_activations(graph, graph.outputs[judged]))
    what = (
        "which is 1 for every input: a softmax needs one unit for each class"
        if found == ["softmax"]
        else "which is not how a classifier of two classes ends; regression cannot be optimized "
        "yet (planned for a later version)"
    )
    raise ModelError(
        f"the model's output {name!r} is one unit that ends in {' and '.join(found)}, {what}; "
        "expected a sigmoid, a tanh or a logit for two classes, or one unit for each class"
    )


def _no_classes(name: str, shape: tuple[int | None, ...]) -> str:
    """What an output is that is no classifier's, and what comes closest."""
    received = f"the model's output {name!r} has the shape {shape}"
    wanted = "expected a classifier with the shape (batch, classes), or (batch, 1) for two classes"
    if len(shape) >= 4:
        return (
            f"{received}: an answer for each pixel, as in segmentation, or features without a "
            "head. Neither can be optimized yet (segmentation is planned for a later version); "
            f"{wanted}. The closest supported model is a classifier of whole images: end the model "
            "in GlobalAveragePooling2D and Dense, and train it with one label for each image"
        )
    if len(shape) == 3:
        return (
            f"{received}: an answer for each step of a sequence, which cannot be optimized yet; "
            f"{wanted}. The closest supported model has one answer for each sequence: end the "
            "model in GlobalAveragePooling1D and Dense, and train it with one label for each "
            "sequence"
        )
    return f"{received}, whose size is unknown; {wanted}"


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        name if names.count(name) == 1 else f"{name}:{place}" for place, name in enumerate(names)
    )
