"""Control: a learnable gate on each unit, under a price on what the unit costs.

    y = before + g (after - before),    g in [0, 1], from 1 on

At g = 1 the unit is there, at g = 0 removed. The gates alone are trained, for forty steps, on

    cross-entropy + sum of s_u g_u,

with s_u the unit's share of what all gated units cost together, in multiply-accumulates and
evenly by half, lest what costs nothing be free. A unit's gain is how far its gate stood open,
averaged over the training, so that of two that close the one that closed first was missed less. It
is a share in [0, 1], and a price already: dear units close earlier than cheap ones of equal use.

At a join the input that would go is gated: [x, g f(x)], x + g f(x), x (1 + g (f(x) - 1)). Of units
inside each other the outermost is gated, and those inside count as it does. (Where f goes from
x + f(x) but stays in use elsewhere, removal leaves x, a closed gate 2 x.) Batch norms normalise by
the batch at hand, as if recalibrated, and what only acts in training is left out.

Source: Huang & Wang (2018), Data-driven sparse structure selection for deep neural networks, with
Adam and a bound in place of their proximal gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from prune_mi.graph.edit import fresh_name, without_noise
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.traits import PRODUCTS
from prune_mi.graph.unit import Unit
from prune_mi.graph.unit_discovery import outermost
from prune_mi.graph.validate import validate_graph
from prune_mi.information.bootstrap import NUM_DRAWS
from prune_mi.information.criteria.removals import bytes_an_image, enclosing
from prune_mi.information.question import Answer, Question
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.forward_pass import needs_xla

_STEPS = 40
_BATCH = 64
_SMALLEST_BATCH = 8  # batch norms need some
_MOST_BYTES = 2**30
_LEARNING_RATE = 0.1  # a gate that only its price moves closes in ten steps


@keras.saving.register_keras_serializable("prune_mi")
class Gate(keras.layers.Layer):
    """Lets the last of its inputs through as far as it stands open.

    Args:
        price: Of an open gate, added to the loss.
        neutral: What stands in for a closed input, where `call` is not given that.
    """

    def __init__(self, price: float = 0.0, neutral: float = 0.0, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.price, self.neutral = price, neutral

    def build(self, input_shape: object) -> None:
        self.openness = self.add_weight(
            name="openness",
            shape=(),
            initializer="ones",
            regularizer=keras.regularizers.L1(self.price),
            constraint=lambda weight: ops.clip(weight, 0.0, 1.0),
        )

    def call(self, inputs: list[Any]) -> Any:
        """Takes `[after]` or `[before, after]`."""
        after = inputs[-1]
        closed = inputs[0] if len(inputs) > 1 else ops.cast(self.neutral, after.dtype)
        openness = ops.cast(self.openness, after.dtype)
        return openness * after + (1 - openness) * closed  # exact at both ends

    def compute_output_spec(self, inputs: list[Any]) -> keras.KerasTensor:
        return keras.KerasTensor(inputs[-1].shape, inputs[-1].dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "price": self.price, "neutral": self.neutral}


def gate(question: Question) -> Answer:
    """How far each unit's gate stood open, in [0, 1]; the draws are those of several seeds."""
    gated = outermost(question.units)
    graph, names = with_gates(question.graph, gated)
    by_seed = _trained(without_noise(graph), names, question)
    row = {unit.name: place for place, unit in enumerate(gated)}
    rows = [row[enclosing(unit, gated).name] for unit in question.units]
    repeats = np.arange(NUM_DRAWS) % by_seed.shape[1]
    return Answer(by_seed.mean(axis=1)[rows], by_seed[rows][:, repeats])


def _trained(graph: LayerGraph, names: Sequence[str], question: Question) -> np.ndarray:
    """How far each gate stood open under each seed, `(num_gates, num_seeds)`."""
    model = build_model(graph)
    gates = [model.get_layer(name) for name in names]
    for layer in model.layers:
        # A frozen batch norm would keep to its moving statistics.
        layer.trainable = isinstance(layer, Gate | keras.layers.BatchNormalization)
        if not isinstance(layer, Gate):
            for weight in layer.weights:
                weight.trainable = False
    optimizer = keras.optimizers.Adam(_LEARNING_RATE)
    optimizer.build(model.trainable_variables)
    fresh = [ops.convert_to_numpy(variable) for variable in optimizer.variables]

    def loss(labels: Any, outputs: Any) -> Any:
        return keras.losses.sparse_categorical_crossentropy(
            labels, outputs[:, : question.num_classes], from_logits=question.from_logits
        )

    compiled = keras.backend.backend() == "jax" or needs_xla(model)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=compiled)
    size = min(len(question.images), _BATCH)
    size = min(size, max(_SMALLEST_BATCH, _MOST_BYTES // bytes_an_image(graph)))
    found = []
    for repeat in range(question.settings.num_seeds):
        rng = np.random.default_rng((question.seed, repeat))
        for variable, value in zip(optimizer.variables, fresh, strict=True):
            variable.assign(value)
        for each in gates:
            each.openness.assign(1.0)
        path = []
        for part in _batches(len(question.images), size, rng):
            batch = question.scaling.apply(np.asarray(question.images[part]))
            model.train_on_batch(batch, question.labels[part])
            path.append([float(ops.convert_to_numpy(each.openness)) for each in gates])
        found.append(np.mean(path, axis=0))
    return np.stack(found, axis=1)


def _batches(num: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Places of images, `(_STEPS, size)`: pass after pass, each in another order."""
    passes = [rng.permutation(num) for _ in range(-(-_STEPS * size // num))]
    return np.concatenate(passes)[: _STEPS * size].reshape(_STEPS, size)


def with_gates(graph: LayerGraph, units: Sequence[Unit]) -> tuple[LayerGraph, list[str]]:
    """The graph with a gate for each unit, and the gates' names."""
    total = max(sum(unit.macs for unit in units), 1)
    moved: dict[TensorRef, TensorRef] = {}
    names = []
    for unit in units:
        price = (unit.macs / total + 1 / len(units)) / 2
        name = fresh_name(graph, "gate")
        join = graph.node_by_name[unit.after.node]
        if unit.position is None:
            after = moved.get(unit.after, unit.after)
            before = moved.get(unit.before, unit.before)
            graph = _gated(graph, _gate(name, price), [before, after], None)
            moved[unit.after] = TensorRef(name)
        else:
            neutral = float(graph.layer_of(join).class_name in PRODUCTS)
            after = join.inputs[unit.position]
            place = (join.name, unit.position)
            graph = _gated(graph, _gate(name, price, neutral), [after], place)
        names.append(name)
    return graph, names


def _gate(name: str, price: float, neutral: float = 0.0) -> LayerDef:
    config: Mapping[str, Any] = {"name": name, "price": price, "neutral": neutral}
    serialized = {
        "module": Gate.__module__,
        "class_name": "Gate",
        "config": config,
        "registered_name": "prune_mi>Gate",
    }
    return LayerDef(name, "Gate", serialized)


def _gated(
    graph: LayerGraph, layer: LayerDef, inputs: list[TensorRef], place: tuple[str, int] | None
) -> LayerGraph:
    """Feeds a gate to what reads its last input, or to that call's input alone that is named."""
    after, through = inputs[-1], TensorRef(layer.name)
    node = Node(layer.name, layer.name, (inputs,), {}, (graph.spec(after),))

    def redirected(reader: Node) -> Node:
        if place is None:
            return reader.with_inputs(lambda ref: through if ref == after else ref)
        if reader.name != place[0]:
            return reader
        positions = iter(range(len(reader.inputs)))
        return reader.with_inputs(lambda ref: through if next(positions) == place[1] else ref)

    cut = graph.position[after.node] + 1
    nodes = (
        *graph.nodes[:cut],
        node,
        *(redirected(each) if after in each.inputs else each for each in graph.nodes[cut:]),
    )
    return validate_graph(replace(graph, nodes=nodes, layers={**graph.layers, layer.name: layer}))
