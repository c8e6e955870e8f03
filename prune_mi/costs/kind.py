"""What a cost is: counted layer by layer and call by call, or measured where the network runs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from prune_mi.graph.ir import LayerDef, LayerGraph, Node

OfLayer = Callable[[LayerDef], int]
OfCall = Callable[[LayerGraph, Node], int]
Writing = Literal["in full", "three digits", "bytes"]


@dataclass(frozen=True, slots=True)
class CostKind:
    """One cost; its file in `costs/kinds` calls it `COST`.

    A cost that follows from the graph is a sum: of what each layer costs once, however often it is
    called, and of what each of its calls costs. What a removal saves follows from that. A cost that
    has neither must be measured in a worker.

    Attributes:
        name: In settings and reports, such as `macs`.
        label: Its heading in tables, and its name in a sentence: `10 % of the MACs`.
        words: What it is, for those who do not know the label.
        unit: What amounts are in, in the singular; empty where the label says that.
        of_layer: What a layer costs once.
        of_call: What one call of a layer costs, for one sample.
        saved_by_single_layers: Whether the removal of a layer that has no part in its neighbours'
            weights, such as a normalisation alone, is said to save any.
        writing: How amounts are written for people.
    """

    name: str
    label: str
    words: str
    unit: str = ""
    of_layer: OfLayer | None = None
    of_call: OfCall | None = None
    saved_by_single_layers: bool = True
    writing: Writing = "three digits"

    @property
    def is_counted(self) -> bool:
        """Whether it follows from the graph alone; otherwise it must be measured."""
        return self.of_layer is not None or self.of_call is not None

    def count(self, graph: LayerGraph) -> int:
        """What a whole graph costs; layers that only pack its ends are not the model's.

        Raises:
            ValueError: If it must be measured.
        """
        own = [node for node in graph.nodes if node.layer not in graph.packing]
        return self.count_of(graph, graph.layers.keys() - graph.packing, own)

    def count_of(self, graph: LayerGraph, layers: Collection[str], calls: Collection[Node]) -> int:
        """What a part of a graph costs.

        Args:
            graph: The whole of it.
            layers: Names of the layers all of whose calls are among those.
            calls: Of the graph.

        Raises:
            ValueError: If it must be measured.
        """
        if not self.is_counted:
            raise ValueError(f"{self.name} does not follow from a graph; it must be measured")
        total = 0
        if self.of_layer is not None:
            total += sum(self.of_layer(graph.layers[each]) for each in layers)
        if self.of_call is not None:
            known = _of_calls(graph, self.of_call)
            total += sum(known[each.name] for each in calls)
        return total


def _of_calls(graph: LayerGraph, of_call: OfCall) -> Mapping[str, int]:
    """What each call costs, by its name; many units share a call, and each asks for it."""
    known = _OF_CALLS.setdefault(graph, {})
    if of_call not in known:
        known[of_call] = {each.name: of_call(graph, each) for each in graph.nodes}
    return known[of_call]


# Graphs never change.
_OF_CALLS: WeakKeyDictionary[LayerGraph, dict[OfCall, Mapping[str, int]]] = WeakKeyDictionary()
