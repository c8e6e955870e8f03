"""Whether a graph is sound: order, ownership, names and reachability."""

from prune_mi.errors import GraphError
from prune_mi.graph.ir import LayerGraph


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
