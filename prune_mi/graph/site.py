"""A site: where a graph can be changed, and what is known of the change before it is made.

A unit that can go is a site, a single layer is one, and so is a tensor that something may be put
behind: a criterion scores sites, a morphism draws one. A site holds names and is given the graph
again when its edit is made. So it costs little, and a worker that has the graph makes the edit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed graph.

    Attributes:
        graph: What it is now.
        reason: Why, or how, for the user; empty where the site says it.
        layers: Those that it is about; None: those that went, or else came.
    """

    graph: LayerGraph
    reason: str = ""
    layers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Where a graph can be changed.

    Attributes:
        name: Of the unit, layer or tensor that the change is told by.
        before, after: The tensor that goes into what would change, and the one that comes out of
            it, whose place in the network is the site's. They are the same where something would
            be put behind a tensor, and for a part of a concatenation.
        edit: Makes the change in a graph, the one that the site is of; draws come from the
            generator. Says why where it cannot be made.
        kind: Of a unit, such as `branch`; else empty.
        nodes: The calls that would go, in order.
        position: Of what goes at a join that yields `after`, the place among its inputs.
        saves: What the change takes off each cost, by its name, see `graph.units.unit.saves`; empty
            where that is not known.
        reason: Why it was chosen, for the user.
    """

    name: str
    before: TensorRef
    after: TensorRef
    edit: Callable[[LayerGraph, np.random.Generator], Edit | NotApplicable]
    kind: str = ""
    nodes: tuple[str, ...] = ()
    position: int | None = None
    saves: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""

    def edited(self, graph: LayerGraph) -> LayerGraph | NotApplicable:
        """The graph with the change made; draws, if any, are always the same."""
        made = self.edit(graph, np.random.default_rng(0))
        return made if isinstance(made, NotApplicable) else made.graph
