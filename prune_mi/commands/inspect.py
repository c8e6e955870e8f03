"""`prune-mi inspect`: every layer and unit of a model, before any training and without data."""

from collections.abc import Sequence
from os import PathLike

import keras

from prune_mi.graph.analysis.inspection import Inspection, inspect_graph
from prune_mi.graph.interface.packing import with_outputs_protected
from prune_mi.graph.layer_selection import with_frozen_and_protected
from prune_mi.keras_io.model_graph.build import unknown_axes, with_input_size
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.interface import judged_output
from prune_mi.preparation.loading import open_source
from prune_mi.preparation.objects import opened_sources
from prune_mi.records import ModelSource


def inspect(
    model: str | PathLike[str] | keras.Model,
    *,
    input_size: Sequence[int] | None = None,
    freeze: Sequence[str] = (),
    protect: Sequence[str] = (),
    output: str | None = None,
    model_json: str | PathLike[str] | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
) -> Inspection:
    """Shows every layer of a model, its cost, and whether it can go, as `prune-mi inspect` does.

    Args:
        model: A loaded model, a file, or the folder of a run.
        input_size: For inputs of unknown size, such as (224, 224).
        freeze: Regular expressions for whole names of layers that are not to be trained.
        protect: The same of layers that are not to be touched.
        output: Of a model with several outputs, the one that is to be kept accurate.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    trust = Trust(allow_unsafe, custom_objects)
    with opened_sources([model], model_json=model_json, trust=trust) as (source,):
        return inspect_model(
            source, input_size=input_size, freeze=freeze, protect=protect, output=output
        )


def inspect_model(
    source: ModelSource,
    *,
    input_size: Sequence[int] | None = None,
    freeze: Sequence[str] = (),
    protect: Sequence[str] = (),
    output: str | None = None,
) -> Inspection:
    """Looks at a model file: what its layers cost, which can go, and why others cannot.

    Args:
        source: The file, of Keras 2 or 3.
        input_size: For inputs of unknown size, such as (224, 224); what the model costs is counted
            for it.
        freeze: Regular expressions for whole names of layers that are not to be trained.
        protect: The same of layers that are not to be touched.
        output: Of a model with several outputs, the one that is to be kept accurate: what feeds
            others alone then stays.

    Raises:
        ModelError: If the file cannot be used, or does not take inputs of this size.
        ConfigError: If the custom objects cannot be imported, a regular expression is wrong or
            matches no layer, or there is no such output.
    """
    loaded = open_source(source)
    graph, notes = trace_model(loaded.model), list(loaded.notes)
    if input_size is not None:
        graph = with_input_size(graph, input_size)
    elif unknown := unknown_axes(graph):
        notes.append(
            "The model takes inputs of any size; MACs are counted as if unknown sizes were 1. Pass "
            f"--input-size, for instance {'x'.join(['224'] * unknown)}, to count them for a size."
        )
    graph = with_frozen_and_protected(graph, freeze=freeze, protect=protect)
    if output is not None:
        graph = with_outputs_protected(graph, judged=judged_output(loaded.model, output))
    return inspect_graph(graph, notes=notes)
