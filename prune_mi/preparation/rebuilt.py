"""A model's graph in the size of the data, and whether it answers as the model does."""

import keras
import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import Dataset, InputScaling
from prune_mi.errors import ModelError
from prune_mi.graph.interface.packing import Packing, pack, pack_outputs, unpack_inputs
from prune_mi.graph.layer_selection import with_frozen_and_protected
from prune_mi.keras_io.forward.forward_pass import forward_function
from prune_mi.keras_io.model_graph.build import with_input_shapes
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.keras_io.saving.compiling import CompileConfig
from prune_mi.measure.predictor import predict
from prune_mi.preparation.find_task import found_task
from prune_mi.preparation.interface import Interface, read_interface
from prune_mi.records import Observer
from prune_mi.tasks.task import Task

_BATCH = 64  # of images whose tensors are all held


def opened(
    model: keras.Model,
    data: Dataset,
    settings: RunSettings,
    observer: Observer,
    *,
    compiled: CompileConfig | None = None,
) -> tuple[Interface, Task, Packing]:
    """A model's ends, its task, and its graph.

    Args:
        model: Of Keras 3.
        data: As loaded for it.
        settings: Name the output, and the layers that stay as they are.
        observer: Hears of a size that the data have set.
        compiled: What the model was compiled with.

    Raises:
        ConfigError: If a setting names no output or layer of the model, or another task.
        ModelError: If the graph cannot be read, or has no weights.
    """
    interface = read_interface(model, settings.output)
    graph = trace_model(model)
    if not any(layer.weights for layer in graph.layers.values()):
        raise ModelError(f"the model {graph.name!r} has no weights; expected a trained model")
    shapes = data.input_shapes or (data.image_shape,)
    if any(None in each.shape for each in interface.inputs):
        graph = with_input_shapes(graph, shapes)
        observer.note(
            "The model takes inputs of any size. Its costs are counted for, and the result takes, "
            f"{', '.join('x'.join(map(str, shape)) for shape in shapes)}."
        )
    graph = with_frozen_and_protected(graph, freeze=settings.freeze, protect=settings.protect)
    task = found_task(interface, compiled, settings.task, data.form)
    as_classes = task.loss == "classes"
    return interface, task, pack(graph, judged=interface.judged, as_classes=as_classes)


def require_equal(
    rebuilt: np.ndarray,
    model: keras.Model,
    packing: Packing,
    rows: np.ndarray,
    scaling: InputScaling,
) -> None:
    """Refuses a model whose rebuilt graph does not answer as it does itself.

    Args:
        rebuilt: What the graph answers.
        model: The model itself.
        packing: Of its graph.
        rows: Raw images that both are asked about.
        scaling: What the model takes.

    Raises:
        ModelError: If the answers differ.
    """
    original = _answers(model, packing, rows, scaling)
    if not np.allclose(rebuilt, original, rtol=1e-4, atol=1e-4, equal_nan=True):
        worst = float(np.max(np.abs(rebuilt - original)))
        raise ModelError(
            f"the model {packing.original.name!r} cannot be rebuilt from its configuration and "
            f"weights: outputs differ by {worst:.2g}. A layer has state that is not in its "
            "weights; expected Keras's own layers"
        )


def _answers(
    model: keras.Model, packing: Packing, rows: np.ndarray, scaling: InputScaling
) -> np.ndarray:
    """What the original itself answers, in the columns of the packed graph."""
    if packing.graph is packing.original:
        return predict(model, rows, scaling)
    answer, answers = forward_function(model), []
    for start in range(0, len(rows), _BATCH):
        inputs = unpack_inputs(scaling.apply(rows[start : start + _BATCH]), packing)
        answers.append(pack_outputs(answer(inputs, training=False), packing))
    return np.concatenate(answers)
