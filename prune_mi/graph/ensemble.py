"""An ensemble: several classifiers of one input as one graph that averages their probabilities.

    p(y | x) = 1/n sum of p_i(y | x) over the members i = 1 ... n

Of members with one unit for two classes, p(1 | x) is averaged, and the ensemble has one unit too
(for tanh units that is 2 p(1 | x) - 1, their own mean).

Members keep all that they have, a scaling of the pixels included, and share the input alone. Layers
of member i bear `member_i_` before their names, so that members may use the same names.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search, section 4, which
averages the best models of several runs.
"""

from collections.abc import Sequence
from dataclasses import replace

from prune_mi.errors import GraphError
from prune_mi.graph.edit import fresh_name
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.new_layers import float_spec, stock_layer
from prune_mi.graph.one_unit import is_one_unit, unit_reading
from prune_mi.graph.traits import NOISES
from prune_mi.graph.validate import validate_graph

_SOFTMAXES = ("softmax", {"class_name": "function", "config": "softmax"})
_PASSING = NOISES | {"Identity", "Cast"}


def ensemble_graph(
    graphs: Sequence[LayerGraph],
    *,
    name: str = "ensemble",
    from_logits: Sequence[bool] | None = None,
) -> LayerGraph:
    """Averages the class probabilities of classifiers.

    Weights are the members' own arrays, not copies. Weights and multiply-accumulates of the
    ensemble are the sums of its members'; the input is one layer for all, and a softmax (of one
    unit: a sigmoid) where a member has none and the average come to them.

    Args:
        graphs: The members, one or more, each from one input to one output `(batch, classes)`, or
            `(batch, 1)` for two classes. A graph may be a member more than once.
        name: The new graph's.
        from_logits: For each member whether it yields logits; None where the members' own layers
            tell (see `yields_probabilities`).

    Returns:
        A graph from the members' input to float32 `(batch, classes)`, whose rows sum to 1; or to
        the probability of class 1, `(batch, 1)`. What is protected or frozen in a member is so in
        the ensemble.

    Raises:
        GraphError: If there is no member, `from_logits` has another length, a member has several
            inputs or outputs or is no classifier, or members differ in input or in classes.
    """
    if not graphs:
        raise GraphError("an ensemble of no networks was asked for; expected at least one member")
    logits = [not yields_probabilities(each) for each in graphs]
    if from_logits is not None:
        logits = list(from_logits)
    if len(logits) != len(graphs):
        raise GraphError(
            f"`from_logits` has {len(logits)} entries; expected one for each of the "
            f"{len(graphs)} members"
        )
    for place, graph in enumerate(graphs, start=1):
        _require_classifier(graph, place)
        _require_same_ends(graph, graphs[0], place)
    joined = _side_by_side(graphs, name)
    outputs = []
    for graph, ref, are_logits in zip(graphs, joined.outputs, logits, strict=True):
        layer = _to_probabilities(graph, fresh_name(joined, "probabilities"), are_logits)
        if layer is not None:
            joined, ref = _appended(joined, layer, ref)
        outputs.append(ref)
    if len(outputs) > 1:
        average = stock_layer("Average", fresh_name(joined, "average"))
        joined, ref = _appended(joined, average, outputs)
        outputs = [ref]
    return validate_graph(replace(joined, outputs=tuple(outputs), output_structure=0))


def yields_probabilities(graph: LayerGraph) -> bool:
    """Whether a classifier's output comes from a softmax over its last axis, or from a sigmoid.

    Layers that keep a distribution as it is, such as a change of type or an average of
    distributions, may stand behind the softmax. Probabilities computed in another way are not
    recognised.
    """
    if is_one_unit(graph, graph.outputs[0]):
        return unit_reading(graph, graph.outputs[0]) != "logit"
    waiting = [graph.outputs[0].node]
    while waiting:
        node = graph.node_by_name[waiting.pop()]
        layer = graph.layer_of(node)
        if _is_softmax(layer, rank=len(node.outputs[0].shape)):
            continue
        passing = layer.class_name in _PASSING or (
            layer.class_name == "Activation" and layer.config.get("activation") == "linear"
        )
        if not node.inputs or not (passing or layer.class_name == "Average"):
            return False
        waiting.extend(ref.node for ref in node.inputs)
    return True


def _to_probabilities(graph: LayerGraph, name: str, are_logits: bool) -> LayerDef | None:
    """What a member lacks to yield probabilities; None where it yields them."""
    if not is_one_unit(graph, graph.outputs[0]):
        return stock_layer("Softmax", name, axis=-1) if are_logits else None
    if are_logits:
        return stock_layer("Activation", name, activation="sigmoid")
    return None


def _apart(classes: int | None) -> str:
    return "2 classes apart by one unit" if classes == 1 else f"{classes} classes apart"


def _is_softmax(layer: LayerDef, *, rank: int) -> bool:
    if layer.class_name == "Softmax":
        return layer.config.get("axis", -1) in (-1, rank - 1, [-1], [rank - 1])
    return layer.config.get("activation") in _SOFTMAXES


def _require_classifier(graph: LayerGraph, place: int) -> None:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.packing:
        raise GraphError(
            f"member {place} of the ensemble, {graph.name!r}, has several inputs or outputs; "
            "expected one of each"
        )
    shape = graph.spec(graph.outputs[0]).shape
    if len(shape) != 2 or shape[1] is None or shape[1] < 1:
        raise GraphError(
            f"member {place} of the ensemble, {graph.name!r}, yields {shape}; expected a "
            "classifier's (batch, classes), or (batch, 1) for two classes"
        )


def _require_same_ends(graph: LayerGraph, first: LayerGraph, place: int) -> None:
    received, expected = graph.spec(graph.inputs[0]), first.spec(first.inputs[0])
    if received != expected:
        raise GraphError(
            f"member {place} of the ensemble, {graph.name!r}, takes {received.shape} "
            f"{received.dtype}; expected {expected.shape} {expected.dtype}, as member 1 takes. "
            "Average networks of equal input"
        )
    signs = [_yields_signs(each) for each in (graph, first)]
    if signs[0] != signs[1]:
        raise GraphError(
            f"member {place} of the ensemble, {graph.name!r}, yields {_range(signs[0])}; expected "
            f"{_range(signs[1])}, as member 1 does. Average networks with equal last activations"
        )
    classes, wanted = (each.spec(each.outputs[0]).shape[1] for each in (graph, first))
    if classes != wanted:
        raise GraphError(
            f"member {place} of the ensemble, {graph.name!r}, tells {_apart(classes)}; "
            f"expected {_apart(wanted)}, as member 1 does. Average networks trained on equal "
            "classes, with equal units for them"
        )


def _yields_signs(graph: LayerGraph) -> bool:
    """Whether a member is a single tanh unit."""
    output = graph.outputs[0]
    return is_one_unit(graph, output) and unit_reading(graph, output) == "tanh"


def _range(signs: bool) -> str:
    return "values from -1 to 1" if signs else "probabilities or logits"


def _side_by_side(graphs: Sequence[LayerGraph], name: str) -> LayerGraph:
    """All members behind the first one's input, each with an output of its own."""
    entry = graphs[0].node_by_name[graphs[0].inputs[0].node]
    layers, nodes = {entry.layer: graphs[0].layers[entry.layer]}, [entry]
    outputs: list[TensorRef] = []
    protected, frozen, kept = set[str](), set[str](), dict[str, str]()
    for place, graph in enumerate(graphs, start=1):
        stem, own_input = f"member_{place}_", graph.inputs[0]
        own_entry = graph.node_by_name[own_input.node].layer

        def moved(ref: TensorRef, stem: str = stem, own_input: TensorRef = own_input) -> TensorRef:
            return TensorRef(entry.name) if ref == own_input else replace(ref, node=stem + ref.node)

        for node in graph.nodes:
            if node.layer != own_entry:
                call = replace(node, name=stem + node.name, layer=stem + node.layer)
                nodes.append(call.with_inputs(moved))
        inner = {key: layer for key, layer in graph.layers.items() if key != own_entry}
        layers |= {stem + key: _renamed(layer, stem + key) for key, layer in inner.items()}
        outputs.append(moved(graph.outputs[0]))
        protected |= {stem + each for each in graph.protected if each in inner}
        frozen |= {stem + each for each in graph.frozen if each in inner}
        kept |= {stem + each: why for each, why in graph.kept.items() if each in inner}
    return LayerGraph(
        name=name,
        layers=layers,
        nodes=tuple(nodes),
        inputs=(TensorRef(entry.name),),
        outputs=tuple(outputs),
        input_structure=0,
        protected=frozenset(protected),
        frozen=frozenset(frozen),
        kept=kept,
    )


def _renamed(layer: LayerDef, name: str) -> LayerDef:
    config = {**layer.config, "name": name} if "name" in layer.config else layer.config
    return replace(layer, name=name, serialized={**layer.serialized, "config": config})


def _appended(
    graph: LayerGraph, layer: LayerDef, read: TensorRef | list[TensorRef]
) -> tuple[LayerGraph, TensorRef]:
    """The graph with a layer that yields probabilities at its end, and what it yields."""
    classes = graph.spec(graph.outputs[0]).shape[1]
    node = Node(layer.name, layer.name, (read,), {}, (float_spec(classes),))
    layers = {**graph.layers, layer.name: layer}
    return replace(graph, layers=layers, nodes=(*graph.nodes, node)), TensorRef(layer.name)
