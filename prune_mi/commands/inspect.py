"""`prune-mi inspect`: every layer and unit of a model, before any training and without data."""

from collections.abc import Sequence

from prune_mi.graph.analysis.inspection import Inspection, inspect_graph
from prune_mi.graph.interface.packing import with_outputs_protected
from prune_mi.graph.layer_selection import with_frozen_and_protected
from prune_mi.keras_io.model_graph.build import unknown_axes, with_input_size
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.preparation.interface import judged_output
from prune_mi.preparation.loading import open_source
from prune_mi.records import ModelSource


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
