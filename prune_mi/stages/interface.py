"""What a classifier takes and gives, and which of its outputs is judged."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from prune_mi.data import ModelInput, shape_text
from prune_mi.errors import ConfigError, ModelError
from prune_mi.graph.ir import TensorSpec
from prune_mi.keras_io.trace import named_ends


@dataclass(frozen=True, slots=True)
class Interface:
    """A classifier from outside.

    Attributes:
        inputs: In the order of the traced graph.
        outputs: Names, likewise; those that several outputs share have their place behind them.
        judged: Place of the output that is to be kept accurate.
        num_classes: Its classes.
    """

    inputs: tuple[ModelInput, ...]
    outputs: tuple[str, ...]
    judged: int
    num_classes: int

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
    judged = _judged(names, [spec for _, spec in outputs], output)
    shape = outputs[judged][1].shape
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise ModelError(
            f"the model's output {names[judged]!r} has the shape {shape}; expected a classifier's "
            "(batch, classes) with at least 2 classes"
        )
    if len(inputs) == 1 and len(inputs[0][1].shape) < 2:
        raise ModelError(
            f"the model's input has the shape {inputs[0][1].shape}; expected at least one axis "
            "beside the batch"
        )
    return Interface(
        inputs=tuple(ModelInput(name, spec.shape[1:]) for name, spec in inputs),
        outputs=names,
        judged=judged,
        num_classes=shape[1],
    )


def _judged(names: Sequence[str], specs: Sequence[TensorSpec], output: str | None) -> int:
    told = ", ".join(
        f"{name!r} {shape_text(spec.shape[1:])}" for name, spec in zip(names, specs, strict=True)
    )
    if output is not None:
        if output in names:
            return names.index(output)
        raise ConfigError(
            f"`output` is {output!r}, which is no output of the model; expected one of {told}"
        )
    if len(names) > 1:
        raise ConfigError(
            f"the model has {len(names)} outputs: {told}; name the one to keep accurate with "
            "--output"
        )
    return 0


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        name if names.count(name) == 1 else f"{name}:{place}" for place, name in enumerate(names)
    )
