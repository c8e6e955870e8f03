"""Edits: each returns a new graph; the one given is never touched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from prune_mi.errors import GraphError
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef, TensorSpec
from prune_mi.graph.traits import AUGMENTATIONS, NOISES


def bypass(graph: LayerGraph, old: TensorRef, new: TensorRef) -> LayerGraph:
    """Feeds `new` to whatever reads `old`, then drops the calls that feed nothing any more.

    Raises:
        GraphError: If the shapes differ, or `new` is computed from `old`.
    """
    if graph.spec(old).shape != graph.spec(new).shape:
        raise GraphError(
            f"cannot put {new.node} {graph.spec(new).shape} in the place of "
            f"{old.node} {graph.spec(old).shape}: the shapes differ"
        )
    if graph.position[new.node] >= graph.position[old.node]:
        raise GraphError(f"cannot put {new.node} in the place of {old.node}: it comes later")
    return without_dead_nodes(_rewired(graph, old, new))


def insert_after(
    graph: LayerGraph,
    ref: TensorRef,
    layers: tuple[LayerDef, ...],
    specs: Sequence[TensorSpec] | None = None,
) -> LayerGraph:
    """Puts layers, in order, between a tensor and everything that reads it.

    Args:
        graph: The graph of the tensor.
        ref: The tensor.
        layers: New layers, each called once on what the one before it yields.
        specs: What each of them yields; None where all keep shape and dtype. What reads the tensor
            is described as before: where the last of the specs is another one, the caller has to
            make that follow.

    Raises:
        GraphError: If a layer's name is taken.
    """
    new_nodes: list[Node] = []
    tensor = ref
    for layer, spec in zip(layers, specs or [graph.spec(ref)] * len(layers), strict=True):
        if layer.name in graph.layers or layer.name in graph.node_by_name:
            raise GraphError(f"the name {layer.name!r} is taken")
        new_nodes.append(Node(layer.name, layer.name, (tensor,), {}, (spec,)))
        tensor = TensorRef(layer.name)

    return insert_calls(graph, ref, layers, new_nodes)


def insert_calls(
    graph: LayerGraph, ref: TensorRef, layers: Sequence[LayerDef], calls: Sequence[Node]
) -> LayerGraph:
    """Puts calls of new layers behind a tensor; what read the tensor reads the last of them.

    Raises:
        GraphError: If a call reads what does not exist at that place.
    """
    cut = graph.position[ref.node] + 1
    rewired = _rewired(graph, ref, TensorRef(calls[-1].name))
    nodes = (*rewired.nodes[:cut], *calls, *rewired.nodes[cut:])
    held = {**graph.layers, **{layer.name: layer for layer in layers}}
    return validate_graph(replace(rewired, layers=held, nodes=nodes))


def drop_argument(graph: LayerGraph, node_name: str, position: int) -> LayerGraph:
    """Takes one tensor out of the list that a merging call reads, and what only fed it."""
    node = graph.node_by_name[node_name]
    merged = [each for place, each in enumerate(node.args[0]) if place != position]
    slimmed = replace(node, args=(merged, *node.args[1:]))
    nodes = tuple(slimmed if each.name == node_name else each for each in graph.nodes)
    return without_dead_nodes(replace(graph, nodes=nodes))


def without_dead_nodes(graph: LayerGraph) -> LayerGraph:
    """Drops calls that no output depends on, and layers no longer called; inputs stay."""
    alive = graph.upstream_of(ref.node for ref in (*graph.outputs, *graph.inputs))
    nodes = tuple(node for node in graph.nodes if node.name in alive)
    called = {node.layer for node in nodes}
    layers = {name: layer for name, layer in graph.layers.items() if name in called}
    return validate_graph(replace(graph, nodes=nodes, layers=layers))


def with_outputs(graph: LayerGraph, tensors: Sequence[TensorRef]) -> LayerGraph:
    """What computes some tensors of a graph, with these, a list, as its outputs."""
    structure = list(range(len(tensors)))
    return without_dead_nodes(replace(graph, outputs=tuple(tensors), output_structure=structure))


def without_noise(graph: LayerGraph) -> LayerGraph:
    """The graph without what only acts in training: such layers, and dropout inside others."""
    for node in graph.nodes:
        if graph.layer_of(node).class_name in NOISES | AUGMENTATIONS:
            graph = bypass(graph, TensorRef(node.name), graph.node_by_name[node.name].inputs[0])
    noisy = {name: _noises(layer.config) for name, layer in graph.layers.items()}
    return with_config(graph, {name: found for name, found in noisy.items() if found})


def _noises(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that turn off the dropout of a recurrent layer, an attention, or one wrapped."""
    found: dict[str, Any] = {
        name: 0.0 for name in ("dropout", "recurrent_dropout") if config.get(name)
    }
    for name, inner in config.items():
        if isinstance(inner, dict) and isinstance(inner.get("config"), dict):
            quiet = _noises(inner["config"])
            if quiet:
                found[name] = {**inner, "config": {**inner["config"], **quiet}}
    return found


def changed_nodes(before: LayerGraph, after: LayerGraph) -> tuple[Node, ...]:
    """The calls of an edited graph that compute something else than before, in order."""
    changed: dict[str, Node] = {}
    for node in after.nodes:
        edited = before.node_by_name.get(node.name) != node
        if edited or any(ref.node in changed for ref in node.inputs):
            changed[node.name] = node
    return tuple(changed.values())


def with_config(graph: LayerGraph, changes: Mapping[str, Mapping[str, Any]]) -> LayerGraph:
    """Sets constructor arguments of layers, by layer name."""
    layers = dict(graph.layers)
    for name, values in changes.items():
        layer = layers[name]
        serialized = {**layer.serialized, "config": {**layer.config, **values}}
        layers[name] = replace(layer, serialized=serialized)
    return validate_graph(replace(graph, layers=layers))


def with_weights(graph: LayerGraph, weights: Mapping[str, tuple[np.ndarray, ...]]) -> LayerGraph:
    """Sets the weights of layers, by layer name; shapes must stay.

    Raises:
        GraphError: If a weight's shape differs from the one it replaces.
    """
    layers = dict(graph.layers)
    for name, arrays in weights.items():
        old = layers[name]
        shapes, received = [a.shape for a in old.weights], [a.shape for a in arrays]
        if received != shapes:
            raise GraphError(f"layer {name!r} has weights of shapes {shapes}; received {received}")
        layers[name] = replace(old, weights=tuple(read_only(array) for array in arrays))
    return replace(graph, layers=layers)


def with_named_weights(
    graph: LayerGraph, weights: Mapping[str, Mapping[str, np.ndarray]]
) -> LayerGraph:
    """Sets some of layers' weights by name, in the types that they have; see `with_weights`."""
    arrays = {}
    for name, given in weights.items():
        held = graph.layers[name].named_weights
        arrays[name] = tuple(np.asarray(given.get(own, old), old.dtype) for own, old in held)
    return with_weights(graph, arrays)


def with_resized(layer: LayerDef, weights: Sequence[np.ndarray] | None = None) -> LayerDef:
    """A layer that Keras sizes anew by what it is called on, with other weights if given.

    An initializer that holds an array would not fit any more: Keras's own takes its place.
    """
    config = {name: value for name, value in layer.config.items() if not _is_drawn(name, value)}
    serialized = {key: value for key, value in layer.serialized.items() if key != "build_config"}
    serialized["config"] = config
    held = layer.weights if weights is None else tuple(weights)
    return replace(layer, serialized=serialized, weights=held)


def _is_drawn(name: str, value: Any) -> bool:
    """Whether a setting is an initializer that gives an array."""
    return name.endswith("initializer") and _holds_array(value)


def _holds_array(value: Any) -> bool:
    if isinstance(value, Mapping):
        is_array = value.get("class_name") in ("__numpy__", "__tensor__")
        return is_array or any(map(_holds_array, value.values()))
    return isinstance(value, list | tuple)


def with_settings(
    layer: LayerDef, values: Mapping[str, Any], weights: Sequence[np.ndarray] | None = None
) -> LayerDef:
    """A layer with other constructor arguments, sized anew; see `with_resized`."""
    serialized = {**layer.serialized, "config": {**layer.config, **values}}
    return with_resized(replace(layer, serialized=serialized), weights)


def renamed(layer: LayerDef, name: str) -> LayerDef:
    """A layer under another name."""
    config = {**layer.config, "name": name} if "name" in layer.config else layer.config
    return replace(layer, name=name, serialized={**layer.serialized, "config": config})


def fresh_name(graph: LayerGraph, stem: str) -> str:
    """The first of `stem_1`, `stem_2`, ... that no call or layer of the graph bears."""
    index = 1
    while f"{stem}_{index}" in graph.layers or f"{stem}_{index}" in graph.node_by_name:
        index += 1
    return f"{stem}_{index}"


def _rewired(graph: LayerGraph, old: TensorRef, new: TensorRef) -> LayerGraph:
    """The graph in which `new` is read in the place of `old`."""

    def change(ref: TensorRef) -> TensorRef:
        return new if ref == old else ref

    nodes = (node.with_inputs(change) if old in node.inputs else node for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes), outputs=tuple(map(change, graph.outputs)))


def read_only(array: np.ndarray) -> np.ndarray:
    """A read-only copy."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy


def validate_graph(graph: LayerGraph) -> LayerGraph:
    """Checks a graph; every edit ends here.

    Returns:
        The graph itself.

    Raises:
        GraphError: If a name is repeated, a call names an unknown layer or reads a tensor that
            does not exist yet, an output or input is missing, or a call feeds nothing.
    """
    seen: dict[str, int] = {}
    read = set(graph.outputs)
    for node in graph.nodes:
        if node.name in seen:
            raise GraphError(f"two calls are named {node.name!r}; call names must be unique")
        if node.layer not in graph.layers:
            raise GraphError(f"call {node.name!r} calls {node.layer!r}, which is not in the graph")
        for ref in node.inputs:
            if ref.index >= seen.get(ref.node, 0):
                raise GraphError(f"call {node.name!r} reads {ref}, which no earlier call yields")
        read.update(node.inputs)
        seen[node.name] = len(node.outputs)
    for ref in (*graph.inputs, *graph.outputs):
        if ref.index >= seen.get(ref.node, 0):
            raise GraphError(f"the graph's {ref} does not exist")
    for name, layer in graph.layers.items():
        if layer.name != name or layer.config.get("name", name) != name:
            raise GraphError(f"layer {name!r} is filed under another name than its own")
        if name not in graph.calls:
            raise GraphError(f"layer {name!r} is never called")
    fed = {ref.node for ref in read} | {ref.node for ref in graph.inputs}
    for node in graph.nodes:
        if node.name not in fed:
            raise GraphError(f"call {node.name!r} feeds nothing; remove it")
    return graph
