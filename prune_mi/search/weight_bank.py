"""A bank of trained weights, from which later children inherit what their relatives have learned.

A layer that one child trains is the same layer in its siblings and their children: each took it
over from a common ancestor. Pham et al. train such layers once for all networks that have them.
There networks take turns; here weights come out of separate trainings, and those of a layer fit the
other layers of the network that they were trained in. Hence

- layers are the same where name, class and weight shapes agree *and* they were taken over from the
  same candidate. Names and shapes alone do not tell: two children that insert a layer at different
  places give it one name, and a kernel that lost columns 0 to 3 looks like one that lost 4 to 7;
- a layer inherits all of its weights or none, and a kernel and the batch norm right behind it
  inherit from the same network or not at all.

Source: Pham et al. (2018), Efficient Neural Architecture Search via Parameter Sharing.
"""

from dataclasses import dataclass

import numpy as np

from prune_mi.graph.edit import with_weights
from prune_mi.graph.ir import LayerDef, LayerGraph, Shape
from prune_mi.graph.traits import NORMALIZATIONS, has_kernel
from prune_mi.search.candidate import Proposed, Trained

_MOST_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class LayerKey:
    """What layers of two networks that are the same one have in common.

    Attributes:
        origin: The candidate in which the layer came to be, or was changed last by a morphism.
    """

    name: str
    class_name: str
    shapes: tuple[Shape, ...]
    origin: str


@dataclass(frozen=True, slots=True, eq=False)
class Deposit:
    """The weights of one layer, and the network that they were trained in."""

    weights: tuple[np.ndarray, ...]
    donor: str
    quality: float

    @property
    def size_bytes(self) -> int:
        """Size of the weights."""
        return sum(array.nbytes for array in self.weights)


class WeightBank:
    """Keeps for each layer the weights that it has in the most accurate trained network.

    Of equally accurate ones it is the latest.

    It holds the arrays of the trained graphs, not copies of them.

    Args:
        max_bytes: Weights held at most; layers that were trained longest ago go first.
    """

    def __init__(self, *, max_bytes: int = _MOST_BYTES) -> None:
        self._max_bytes = max_bytes
        self._deposits: dict[LayerKey, Deposit] = {}
        self._born: dict[str, tuple[str, frozenset[str]]] = {}

    @property
    def size_bytes(self) -> int:
        """Size of all weights held."""
        return sum(each.size_bytes for each in self._deposits.values())

    def donors(self) -> set[str]:
        """Names of the candidates whose weights are held."""
        return {each.donor for each in self._deposits.values()}

    def inherit(self, child: Proposed, parent: Proposed) -> tuple[LayerGraph, tuple[str, ...]]:
        """Gives a new child the weights that its relatives have trained.

        Every child whose weights are to be remembered goes through here first, or through
        `begin_anew`, as the morphisms left it: what it took over from its parent is known by its
        weights being the parent's own arrays, which they are no more once the child is repaired.

        Args:
            child: A candidate that is neither repaired nor trained.
            parent: The candidate that the child's morphisms were applied to.

        Returns:
            The graph with inherited weights, the child's own where there are none; and the names of
            the layers whose weights are others now, in the order of the graph.
        """
        graph = child.graph
        unchanged = taken_over(graph, parent.graph)
        self._born[child.name] = parent.name, frozenset(graph.layers) - unchanged
        allowed = unchanged - graph.frozen
        found: dict[str, tuple[np.ndarray, ...]] = {}
        for group in _groups(graph):
            held = [self._deposits.get(self._key(child.name, graph.layers[each])) for each in group]
            deposits = [each for each in held if each is not None]
            one_donor = len({each.donor for each in deposits}) == 1
            if one_donor and len(deposits) == len(group) and allowed.issuperset(group):
                found |= {name: each.weights for name, each in zip(group, deposits, strict=True)}
        news = {
            name: found[name]
            for name, layer in graph.layers.items()
            if name in found and not _same_arrays(found[name], layer.weights)
        }
        return (with_weights(graph, news) if news else graph), tuple(news)

    def begin_anew(self, child: Proposed, parent: Proposed) -> None:
        """Takes note of a child that forgets all weights: from here on its layers are its own."""
        self._born[child.name] = parent.name, frozenset(child.graph.layers)

    def remember(self, trained: Trained) -> None:
        """Takes the weights of a trained candidate, frozen layers apart."""
        for layer in trained.graph.layers.values():
            if not layer.weights or layer.name in trained.graph.frozen:
                continue
            key = self._key(trained.name, layer)
            held = self._deposits.pop(key, None)  # and back at the end: trained most recently
            if held is None or trained.quality >= held.quality:
                held = Deposit(layer.weights, trained.name, trained.quality)
            self._deposits[key] = held
        excess = self.size_bytes - self._max_bytes
        while excess > 0:
            excess -= self._deposits.pop(next(iter(self._deposits))).size_bytes

    def _key(self, candidate: str, layer: LayerDef) -> LayerKey:
        while candidate in self._born:
            parent, own = self._born[candidate]
            if layer.name in own:
                break
            candidate = parent
        shapes = tuple(array.shape for array in layer.weights)
        return LayerKey(layer.name, layer.class_name, shapes, candidate)


def taken_over(child: LayerGraph, parent: LayerGraph) -> frozenset[str]:
    """Layers with weights that a child has from its parent, all of them the parent's own arrays."""
    return frozenset(
        name
        for name, layer in child.layers.items()
        if layer.weights
        and name in parent.layers
        and layer.class_name == parent.layers[name].class_name
        and _same_arrays(layer.weights, parent.layers[name].weights)
    )


def _groups(graph: LayerGraph) -> list[list[str]]:
    """Layers with weights, a kernel and the norms right behind it in one list."""
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for node in graph.nodes:
        layer = graph.layer_of(node)
        if not layer.weights:
            continue
        own = lead(layer.name)
        before = [graph.layer_of(graph.node_by_name[ref.node]) for ref in node.inputs]
        if layer.class_name in NORMALIZATIONS and has_kernel(before[0]):
            leader[own] = lead(before[0].name)
    groups: dict[str, list[str]] = {}
    for name in leader:
        groups.setdefault(lead(name), []).append(name)
    return list(groups.values())


def _same_arrays(some: tuple[np.ndarray, ...], others: tuple[np.ndarray, ...]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))
