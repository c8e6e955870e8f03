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
from prune_mi.graph.edit import fresh_name, renamed, validate_graph
from prune_mi.graph.interface.binary_output import is_one_unit, unit_reading
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, TensorRef
from prune_mi.graph.new_layers import float_spec, stock_layer


def ensemble_graph(
    graphs: Sequence[LayerGraph],
    *,
    from_logits: Sequence[bool],
    name: str = "ensemble",
) -> LayerGraph:
    """Averages the class probabilities of classifiers.

    Weights are the members' own arrays, not copies. Weights and multiply-accumulates of the
    ensemble are the sums of its members'; the input is one layer for all, and a softmax (of one
    unit: a sigmoid) where a member has none and the average come to them.

    Args:
        graphs: The members, one or more, each from one input to one output `(batch, classes)`, or
            `(batch, 1)` for two classes. A graph may be a member more than once.
        from_logits: For each member whether it yields logits.
        name: The new graph's.

    Returns:
        A graph from the members' input to float32 `(batch, classes)`, whose rows sum to 1; or to
        the probability of class 1, `(batch, 1)`. What is protected or frozen in a member is so in
        the ensemble.

    Raises:
        GraphError: If `from_logits` has another length, or as `check_members` raises it.
    """
    check_members(graphs)
    if len(from_logits) != len(graphs):
        raise GraphError(
            f"`from_logits` has {len(from_logits)} entries; expected one for each of the "
            f"{len(graphs)} members"
        )
    joined = _side_by_side(graphs, name)
    outputs = []
    for graph, ref, are_logits in zip(graphs, joined.outputs, from_logits, strict=True):
        if are_logits:
            last = stock_layer("Softmax", fresh_name(joined, "probabilities"), axis=-1)
            if is_one_unit(graph, graph.outputs[0]):
                last = stock_layer("Activation", last.name, activation="sigmoid")
            joined, ref = _appended(joined, last, ref)
        outputs.append(ref)
    if len(outputs) > 1:
        average = stock_layer("Average", fresh_name(joined, "average"))
        joined, ref = _appended(joined, average, outputs)
        outputs = [ref]
    return validate_graph(replace(joined, outputs=tuple(outputs), output_structure=0))


def check_members(graphs: Sequence[LayerGraph]) -> None:
    """Whether networks can be averaged.

    Raises:
        GraphError: If there is no member, a member has several inputs or outputs or is no
            classifier, or members differ in input or in classes.
    """
    if not graphs:
        raise GraphError("an ensemble of no networks was asked for; expected at least one member")
    for place, graph in enumerate(graphs, start=1):
        objection = _objection(graph, graphs[0])
        if objection is not None:
            raise GraphError(f"member {place} of the ensemble, {graph.name!r}, {objection}")


def _objection(graph: LayerGraph, first: LayerGraph) -> str | None:
    """Why a network cannot be averaged with the first member, as the end of a sentence on it."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.packing:
        return "has several inputs or outputs; expected one of each"
    shape = graph.spec(graph.outputs[0]).shape
    if len(shape) != 2 or shape[1] is None or shape[1] < 1:
        expected = "a classifier's (batch, classes), or (batch, 1) for two classes"
        return f"yields {shape}; expected {expected}"
    own, other = graph.spec(graph.inputs[0]), first.spec(first.inputs[0])
    if own != other:
        return (
            f"takes {own.shape} {own.dtype}; expected {other.shape} {other.dtype}, as member 1 "
            "takes. Average networks of equal input"
        )
    received, wanted = _range(graph), _range(first)
    if received != wanted:
        return (
            f"yields {received}; expected {wanted}, as member 1 does. Average networks with equal "
            "last activations"
        )
    received, wanted = _classes(graph), _classes(first)
    if received != wanted:
        return (
            f"tells {received}; expected {wanted}, as member 1 does. Average networks trained on "
            "equal classes, with equal units for them"
        )
    return None


def _range(graph: LayerGraph) -> str:
    """What a member yields: signs where it is a single tanh unit."""
    output = graph.outputs[0]
    signs = is_one_unit(graph, output) and unit_reading(graph, output) == "tanh"
    return "values from -1 to 1" if signs else "probabilities or logits"


def _classes(graph: LayerGraph) -> str:
    classes = graph.spec(graph.outputs[0]).shape[1]
    return "2 classes apart by one unit" if classes == 1 else f"{classes} classes apart"


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
        layers |= {stem + key: renamed(layer, stem + key) for key, layer in inner.items()}
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


def _appended(
    graph: LayerGraph, layer: LayerDef, read: TensorRef | list[TensorRef]
) -> tuple[LayerGraph, TensorRef]:
    """The graph with a layer that yields probabilities at its end, and what it yields."""
    classes = graph.spec(graph.outputs[0]).shape[1]
    node = Node(layer.name, layer.name, (read,), {}, (float_spec(classes),))
    layers = {**graph.layers, layer.name: layer}
    return replace(graph, layers=layers, nodes=(*graph.nodes, node)), TensorRef(layer.name)
