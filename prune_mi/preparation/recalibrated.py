"""A model whose batch-norm statistics are taken anew from the data at hand."""

import numpy as np

from prune_mi.data import InputScaling
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.measure.predictor import Predictor
from prune_mi.repair.recalibrate import recalibrate, statistics_distance
from prune_mi.tasks.head import Head

_BATCH = 64


def with_statistics(graph: LayerGraph, images: np.ndarray, scaling: InputScaling) -> LayerGraph:
    """The graph with batch-norm statistics of some raw images; itself where it has none of them.

    They are mixed first: a batch of one class would give statistics of its own.
    """
    mixed = images[np.random.default_rng(0).permutation(len(images))]
    return with_statistics_of(graph, scaling.apply(mixed))


def with_statistics_of(graph: LayerGraph, scaled: np.ndarray) -> LayerGraph:
    """The graph with batch-norm statistics of scaled images, taken batch by batch in order."""
    size = min(_BATCH, len(scaled))
    starts = range(0, len(scaled) - size + 1, size)
    return recalibrate(graph, [scaled[start : start + size] for start in starts])


class Recalibrated:
    """A model with statistics of some images, taken anew for each scaling.

    Args:
        graph: The model.
        images: Raw training images.
        head: Its judged output.
    """

    def __init__(self, graph: LayerGraph, images: np.ndarray, *, head: Head) -> None:
        self._graph, self._images, self._head = graph, images, head
        self._graphs: dict[InputScaling, LayerGraph] = {}
        self._answers: dict[InputScaling, Predictor] = {}
        norms = {
            name for name, layer in graph.layers.items() if layer.class_name == "BatchNormalization"
        }
        self.is_possible = bool(norms - graph.frozen)

    def ask(self, rows: np.ndarray, scaling: InputScaling) -> np.ndarray:
        """What the model yields where it is judged; see `preparation.reading.Ask`."""
        if scaling not in self._answers:
            self._answers[scaling] = Predictor(build_model(self._with(scaling)))
        return self._head.of(self._answers[scaling](rows, scaling))

    def distance(self, scaling: InputScaling) -> float:
        """How far the model's own statistics are from those of the images, so scaled."""
        return statistics_distance(self._graph, self._with(scaling))

    def _with(self, scaling: InputScaling) -> LayerGraph:
        if scaling not in self._graphs:
            self._graphs[scaling] = with_statistics(self._graph, self._images, scaling)
        return self._graphs[scaling]
