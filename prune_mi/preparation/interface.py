"""What a model takes and gives, and which of its outputs is judged."""

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
    """A model from outside.

    Attributes:
        inputs: In the order of the traced graph.
        outputs: Names, likewise; those that several outputs share have their place behind them.
        judged: Place of the output that is to be kept.
        shape: Of one sample of it; None where an axis is of any size.
        ends_in: The activations that it ends in, `linear` where there is none; one if all is well.
        unit: How it is read where it is one unit, if it tells two classes apart; None where it is
            several units, or one that no classifier ends in.
    """

    inputs: tuple[ModelInput, ...]
    outputs: tuple[str, ...]
    judged: int
    shape: tuple[int | None, ...]
    ends_in: frozenset[str]
    unit: UnitReading | None = None

    @property
    def num_classes(self) -> int:
        """Classes of the judged output, or how many flags or numbers it yields."""
        return 2 if self.unit else self.shape[-1] or 0

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
        output: Name of the output to keep; None where there is but one.

    Raises:
        ModelError: If the model has no graph, or nobody could judge that output.
        ConfigError: If there is no output of that name, or several and none was named.
    """
    inputs, outputs = named_ends(model)
    names = _unique([name for name, _ in outputs])
    judged = judged_output(model, output)
    shape = tuple(outputs[judged][1].shape)
    is_unit = num_values(shape) == 1
    if not is_unit:
        _require_answers(names[judged], shape, alone=len(outputs) == 1)
    if len(inputs) == 1 and len(inputs[0][1].shape) < 2:
        raise ModelError(
            f"the model's input has the shape {inputs[0][1].shape}; expected at least one axis "
            "after the batch axis"
        )
    graph = trace_model(model)
    ref = graph.outputs[judged]
    return Interface(
        inputs=tuple(ModelInput(name, spec.shape[1:]) for name, spec in inputs),
        outputs=names,
        judged=judged,
        shape=(1,) if is_unit else shape[1:],
        ends_in=frozenset(last_activations(graph, ref)),
        unit=unit_reading(graph, ref) if is_unit else None,
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


def _require_answers(name: str, shape: tuple[int | None, ...], *, alone: bool) -> None:
    """Refuses an output that holds no answers whose number is known."""
    received = f"the model's output {name!r} has the shape {shape}"
    if len(shape) == 3:
        raise ModelError(
            f"{received}: an answer for each step of a sequence, which cannot be judged; expected "
            "(batch, columns), or (batch, height, width, classes) for a class for each pixel. The "
            "closest supported model has one answer for each sequence: end the model in "
            "GlobalAveragePooling1D and Dense"
        )
    if len(shape) not in (2, 4) or shape[-1] is None:
        raise ModelError(
            f"{received}; expected (batch, columns), or (batch, height, width, classes) for a "
            "class for each pixel, with a number of columns or classes that is known"
        )
    if len(shape) == 4 and not alone:
        raise ModelError(
            f"{received}, an answer for each pixel, and the model has other outputs beside it; "
            "expected such an output alone: pass a keras.Model that ends in it"
        )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        name if names.count(name) == 1 else f"{name}:{place}" for place, name in enumerate(names)
    )
