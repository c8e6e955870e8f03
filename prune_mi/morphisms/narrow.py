"""Narrowing: a quarter of the channels of one width group go, with all that makes or reads them.

    y = V x + U z  becomes  y = V x

x being the channels that stay and z those that go, of all layers of the group at their places (see
`graph.channels.narrowing`). Those go whose making weights are smallest. A plan, which takes
channels of many groups by what they are ranked to add, is made by `search.plans`; this is the
single change that a mix draws where no channels were ranked.

Source: Elsken, Metzen, Hutter (2019), Efficient multi-objective neural architecture search via
Lamarckian evolution (LEMONADE): pruning filters as an approximate network morphism.
"""

from functools import partial

import numpy as np

from prune_mi.errors import counted
from prune_mi.graph.channels.magnitude import magnitudes
from prune_mi.graph.channels.narrowing import narrow
from prune_mi.graph.channels.width_groups import WidthGroup, width_groups, widths
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.site import Edit, Site
from prune_mi.morphisms.morphism import MorphContext, Morphism, chosen_evenly

NARROW = "narrow"
_SHARE = 1 / 4


class Narrow(Morphism):
    """Takes a quarter of the channels of a width group away."""

    name = NARROW
    effect = "narrows"

    def sites(self, graph: LayerGraph, context: MorphContext) -> list[Site] | NotApplicable:
        sites = [
            _site(graph, group)
            for group in width_groups(graph)
            if group.reason is None and group.num_channels > 1
        ]
        return chosen_evenly(sites, "width group", "no width group can lose channels")


MORPHISMS = (Narrow(),)


def _site(graph: LayerGraph, group: WidthGroup) -> Site:
    first = graph.calls[group.producers[0]][0]
    return Site(group.name, first.inputs[0], TensorRef(first.name), partial(_edit, name=group.name))


def _edit(graph: LayerGraph, rng: np.random.Generator, *, name: str) -> Edit | NotApplicable:
    known = widths(graph)
    place = [group.name for group in known.groups].index(name)
    group = known.groups[place]
    own = magnitudes(graph)[known.of_group(place)]
    count = max(1, round(_SHARE * group.num_channels))
    narrowed = narrow(graph, {name: np.argsort(own, kind="stable")[:count].tolist()})
    if isinstance(narrowed, NotApplicable):
        return narrowed
    reason = f"{count} of {counted(group.num_channels, 'channel')}, those of the smallest weights"
    return Edit(narrowed.graph, reason, group.producers)
