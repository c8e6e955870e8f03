"""Networks in which some channels are silent: what narrowing them has to answer exactly."""

import numpy as np

from prune_mi.graph.channels.inner_widths import GATES, head_axes
from prune_mi.graph.channels.propagation import OUTPUT_AXIS
from prune_mi.graph.channels.width_groups import Widths, widths
from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.traits import ELEMENTWISE, NOISES, has_kernel, is_zero_at_zero

Gone = dict[str, list[int]]

_ZERO_AT_ZERO = NOISES | {
    *("ReLU", "LeakyReLU", "PReLU", "ELU", "Relu", "Relu6", "Silu", "Gelu", "Elu", "Selu"),
    *("LeakyRelu", "HardSilu", "HardSwish", "Tanh", "SoftSign", "Softsign", "Celu", "HardTanh"),
    *("Mish", "Abs", "Absolute", "Negative", "Sqrt", "Square", "Identity", "Cast", "StopGradient"),
}
_SUMS = {"Add", "Subtract", "Maximum", "Minimum", "Average"}
_NORMS = {"BatchNormalization", "GroupNormalization", "RMSNormalization"}


def drawn_weights(graph: LayerGraph, rng: np.random.Generator) -> LayerGraph:
    """The graph with weights that tell all channels apart: also biases, scales and statistics."""
    near_one = ("gamma", "scale", "moving_variance", "variance")
    drawn = {}
    for name, layer in graph.layers.items():
        weights = []
        for own, weight in layer.named_weights:
            if weight.ndim < 2 and np.issubdtype(weight.dtype, np.floating):
                values = rng.uniform(-0.3, 0.3, weight.shape) + (own in near_one)
                weight = values.astype(weight.dtype)
            weights.append(weight)
        drawn[name] = tuple(weights)
    return with_weights(graph, drawn)


def drawn_gone(graph: LayerGraph, share: float, rng: np.random.Generator) -> Gone:
    """A share of the channels of every group that can lose any; each layer keeps some."""
    known = widths(graph)
    gone = {}
    for group, start in zip(known.groups, known.starts, strict=False):
        if group.reason is not None:
            continue
        count = min(max(1, int(share * group.num_channels)), group.num_channels - 1)
        drawn = set(rng.permutation(group.num_channels)[:count].tolist())
        for numbers in (known.made[name] - start for name in group.producers if not group.inside):
            if drawn.issuperset(numbers.tolist()):
                drawn.discard(int(numbers[0]))
        gone[group.name] = sorted(drawn)
    return gone


def without_loud(graph: LayerGraph, gone: Gone) -> Gone:
    """What of it is zero wherever it is read, once it is silenced.

    A channel whose activation makes something else of 0, such as a sigmoid, still feeds what reads
    it; so does one that something of one channel is spread over. It is left out, unless it only
    gates what is zero.
    """
    known = widths(graph)
    going = _going(known, gone)
    loud: dict[TensorRef, np.ndarray] = {}
    heard = np.zeros(known.num_channels, dtype=bool)
    for node in graph.nodes:
        layer = graph.layer_of(node)
        before = [loud[ref] for ref in node.inputs]
        if before and (has_kernel(layer) or layer.class_name in _NORMS - {"BatchNormalization"}):
            heard |= before[0]
        for index in range(len(node.outputs)):
            ref = TensorRef(node.name, index)
            numbers = known.tensors[ref].numbers
            own = np.zeros_like(going)
            own[numbers[numbers >= 0]] = True
            spread = any(len(known.tensors[each].numbers) < len(numbers) for each in node.inputs)
            is_sum = layer.class_name in _SUMS and spread
            loud[ref] = own & going if is_sum else _loud(layer, before, own & going)
    return {
        group.name: gone[group.name]
        for place, group in enumerate(known.groups)
        if group.name in gone and not heard[known.starts[place] : known.starts[place + 1]].any()
    }


def _loud(layer: LayerDef, before: list[np.ndarray], own: np.ndarray) -> np.ndarray:
    """Which channels that are going a call yields something else than zero for."""
    kind = layer.class_name
    nothing = np.zeros_like(own)
    if has_kernel(layer) or kind == "Activation":
        quiet = is_zero_at_zero(layer)
        made = before[0] if kind == "Activation" else nothing
        return made if quiet else own
    if kind in _NORMS and ("gamma" in layer.weight_names or "scale" in layer.weight_names):
        return nothing
    if kind in ELEMENTWISE | {"Rescaling"} and kind not in _ZERO_AT_ZERO:
        return own
    if kind in ("Add", "Subtract", "Maximum", "Minimum") and len(before) == 1:
        return own  # a constant
    if kind == "Multiply" and len(before) > 1:
        return np.logical_and.reduce(before)
    return np.logical_or.reduce(before) if before else nothing


def silenced(graph: LayerGraph, gone: Gone) -> LayerGraph:
    """The graph with zeros for all that makes, normalises or hands on the channels that go."""
    known = widths(graph)
    going = _going(known, gone)
    changed = {}
    for name, layer in graph.layers.items():
        if not layer.weights:
            continue
        if name in known.inside:
            changed[name] = _without_heads(layer, going[known.inside[name]])
            continue
        node: Node = graph.calls[name][0]
        numbers = known.tensors[TensorRef(node.name)].numbers
        mask = np.append(going, False)[numbers]
        if mask.any():
            changed[name] = tuple(_zeroed(layer, own, w, mask) for own, w in layer.named_weights)
    return with_weights(graph, changed)


def _zeroed(layer: LayerDef, name: str, weight: np.ndarray, mask: np.ndarray) -> np.ndarray:
    kind = layer.class_name
    if name in ("depthwise_kernel", "moving_variance") or weight.ndim == 0:
        return weight
    axis = OUTPUT_AXIS.get(kind, -1) if name == "kernel" else -1
    if kind in GATES:
        mask = np.tile(mask, GATES[kind])
    if kind.startswith("Depthwise") and name == "kernel":
        mask = mask.reshape(weight.shape[-2:])
        return np.where(mask, 0, weight).astype(weight.dtype)
    if weight.shape[axis] != len(mask):
        return weight
    shape = [1] * weight.ndim
    shape[axis] = -1
    return np.where(mask.reshape(shape), 0, weight).astype(weight.dtype)


def _without_heads(layer: LayerDef, mask: np.ndarray) -> tuple[np.ndarray, ...]:
    weights = list(layer.weights)
    last = max(place for place, axis in enumerate(head_axes(layer)) if axis == 0
               and layer.weight_names[place] == "kernel")  # fmt: skip
    weights[last] = np.where(mask[:, None, None], 0, weights[last]).astype(weights[last].dtype)
    return tuple(weights)


def _going(known: Widths, gone: Gone) -> np.ndarray:
    going = np.zeros(known.num_channels, dtype=bool)
    for place, group in enumerate(known.groups):
        going[known.starts[place] + np.array(gone.get(group.name, []), dtype=int)] = True
    return going
