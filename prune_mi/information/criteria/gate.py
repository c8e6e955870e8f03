"""Control: a learnable gate on each unit, under a price on what the unit costs.

    y = before + g (after - before),    g in [0, 1], from 1 on

At g = 1 the unit is there, at g = 0 removed. The gates alone are trained, for forty steps, on

    the task's loss + sum of s_u g_u,

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

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from prune_mi.graph.edit import fresh_name, insert_calls, validate_graph, without_noise
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.site import Site
from prune_mi.graph.traits import PRODUCTS
from prune_mi.graph.units.discovery import outermost
from prune_mi.information.ablation import bytes_an_image, rows_among
from prune_mi.information.criterion import NUM_DRAWS, Criterion, RankingRequest, Scores
from prune_mi.information.label_loss import label_loss
from prune_mi.keras_io.forward.forward_pass import needs_xla
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.tasks.targets import packed_targets

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


def gate(request: RankingRequest) -> Scores:
    """How far each unit's gate stood open, in [0, 1]; the draws are those of several seeds."""
    gated = outermost(request.sites)
    graph, names = with_gates(request.graph, gated)
    by_seed = _trained(without_noise(graph), names, request)
    rows = rows_among(request.sites, gated)
    repeats = np.arange(NUM_DRAWS) % by_seed.shape[1]
    return Scores(by_seed.mean(axis=1)[rows], by_seed[rows][:, repeats])


CRITERION = Criterion(gate, measure="share", needs_same_shape=True)


def _trained(graph: LayerGraph, names: Sequence[str], request: RankingRequest) -> np.ndarray:
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

    judge = request.judge
    targets = packed_targets(judge.task, judge.head, request.truth)
    loss = label_loss(judge, request.truth)
    compiled = keras.backend.backend() == "jax" or needs_xla(model)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=compiled)
    size = min(len(request.images), _BATCH)
    size = min(size, max(_SMALLEST_BATCH, _MOST_BYTES // bytes_an_image(graph)))
    found = []
    for repeat in range(request.settings.num_seeds):
        rng = np.random.default_rng((request.seed, repeat))
        for variable, value in zip(optimizer.variables, fresh, strict=True):
            variable.assign(value)
        for each in gates:
            each.openness.assign(1.0)
        path = []
        for part in _batches(len(request.images), size, rng):
            batch = request.scaling.apply(np.asarray(request.images[part]))
            model.train_on_batch(batch, targets[part])
            path.append([float(ops.convert_to_numpy(each.openness)) for each in gates])
        found.append(np.mean(path, axis=0))
    return np.stack(found, axis=1)


def _batches(num: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Places of images, `(_STEPS, size)`: pass after pass, each in another order."""
    passes = [rng.permutation(num) for _ in range(-(-_STEPS * size // num))]
    return np.concatenate(passes)[: _STEPS * size].reshape(_STEPS, size)


def with_gates(graph: LayerGraph, sites: Sequence[Site]) -> tuple[LayerGraph, list[str]]:
    """The graph with a gate for each site, and the gates' names."""
    macs = [site.saves.get("macs", 0) for site in sites]
    moved: dict[TensorRef, TensorRef] = {}
    names = []
    for site, cost in zip(sites, macs, strict=True):
        price = (cost / max(sum(macs), 1) + 1 / len(sites)) / 2
        name = fresh_name(graph, "gate")
        if site.position is None:
            before, after = (moved.get(ref, ref) for ref in (site.before, site.after))
            gated = _call(graph, name, [before, after])
            graph = insert_calls(graph, after, [_gate(name, price)], [gated])
            moved[site.after] = TensorRef(name)
        else:
            join = graph.node_by_name[site.after.node]
            neutral = float(graph.layer_of(join).class_name in PRODUCTS)
            graph = _with_gated_input(graph, join, site.position, _gate(name, price, neutral))
        names.append(name)
    return graph, names


def _gate(name: str, price: float, neutral: float = 0.0) -> LayerDef:
    serialized = {
        "module": Gate.__module__,
        "class_name": "Gate",
        "config": {"name": name, "price": price, "neutral": neutral},
        "registered_name": "prune_mi>Gate",
    }
    return LayerDef(name, "Gate", serialized)


def _call(graph: LayerGraph, name: str, inputs: list[TensorRef]) -> Node:
    """A gate's call, which yields what its last input is."""
    return Node(name, name, (inputs,), {}, (graph.spec(inputs[-1]),))


def _with_gated_input(graph: LayerGraph, join: Node, position: int, gate: LayerDef) -> LayerGraph:
    """The graph with a gate before one of a join's inputs."""
    call = _call(graph, gate.name, [join.inputs[position]])
    places = iter(range(len(join.inputs)))
    gated = join.with_inputs(lambda ref: TensorRef(gate.name) if next(places) == position else ref)
    at = graph.position[join.name]
    nodes = (*graph.nodes[:at], call, gated, *graph.nodes[at + 1 :])
    return validate_graph(replace(graph, nodes=nodes, layers={**graph.layers, gate.name: gate}))
