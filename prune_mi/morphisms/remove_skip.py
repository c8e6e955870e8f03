"""Removal of a shortcut: y = s(a) + f(a) becomes y = f(a), and [s(a), f(a)] becomes f(a).

Not exact, unless the shortcut came by `skip-add` or `skip-concat` and has not been trained since:
then it adds nothing, or nothing reads it. What is a shortcut is said in `graph.shortcuts`; what
only it went through goes with it, and readers of a concatenation lose the weights for it. All
weights that stay are kept as they are.

Source: Elsken, Metzen, Hutter (2019), Efficient Multi-objective Neural Architecture Search via
Lamarckian Evolution (LEMONADE), whose approximate morphisms remove skip connections.
"""

from functools import partial

import numpy as np

from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.shortcuts import Shortcut, find_shortcuts, without_shortcut
from prune_mi.graph.site import Edit, Site
from prune_mi.morphisms.morphism import MorphContext, Morphism


class RemoveSkip(Morphism):
    """Removes a shortcut."""

    name = "remove-skip"
    effect = "removes"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        """See `Morphism`."""
        return [_site(each) for each in find_shortcuts(graph)] or NotApplicable(
            "the graph has no shortcut"
        )


def _site(shortcut: Shortcut) -> Site:
    edit = partial(_without, shortcut=shortcut)
    return Site(shortcut.join, shortcut.start, TensorRef(shortcut.join), edit)


def _without(
    graph: LayerGraph, rng: np.random.Generator, *, shortcut: Shortcut
) -> Edit | NotApplicable:
    slimmed = without_shortcut(graph, shortcut)
    if isinstance(slimmed, NotApplicable):
        return slimmed
    return Edit(slimmed, f"the shortcut from {shortcut.start.node}")
