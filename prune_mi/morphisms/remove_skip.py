"""Removal of a shortcut: y = s(a) + f(a) becomes y = f(a), and [s(a), f(a)] becomes f(a).

Not exact, unless the shortcut came by `skip-add` or `skip-concat` and has not been trained since:
then it adds nothing, or nothing reads it. What is a shortcut is said in `graph.shortcuts`; what
only it went through goes with it, and readers of a concatenation lose the weights for it. All
weights that stay are kept as they are.

Source: Elsken, Metzen, Hutter (2019), Efficient Multi-objective Neural Architecture Search via
Lamarckian Evolution (LEMONADE), whose approximate morphisms remove skip connections.
"""

import numpy as np

from prune_mi.graph.channel_flow import Unsliceable
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.graph.shortcuts import find_shortcuts, without_shortcut
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_sites
from prune_mi.records import MorphRecord


class RemoveSkip:
    """Removes a shortcut."""

    name = "remove-skip"
    keeps_function = False

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites, reason = find_shortcuts(graph), None
        for site in draw_sites(
            graph, sites, context, rng, kind=self.name, tensor=lambda each: TensorRef(each.join)
        ):
            slimmed = without_shortcut(graph, site)
            if not isinstance(slimmed, Unsliceable):
                layers = tuple(name for name in graph.layers if name not in slimmed.layers)
                place = place_of(graph, TensorRef(site.join))
                told = f"the shortcut from {site.start.node}"
                return Morphed(slimmed, MorphRecord(self.name, site.join, layers, told, place))
            reason = reason or f"no shortcut can go: {slimmed.reason}"
        return NoSite(reason or "the graph has no shortcut")
