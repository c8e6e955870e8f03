"""Deletion by contribution, tried on each trained child: DEIM 2019 A3-4.

    rank the child's layers -> delete the one after which information rises least
        -> train the slimmer child for as long -> keep the better of the two

Convolution, pooling, activation and batch norm may go; dropout, dense and input layers may not, and
no child becomes smaller than the seed. How often the slimmer child was the better one is counted.
"""

from collections.abc import Sequence

from prune_mi.config import SearchSettings
from prune_mi.errors import counted
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.site import Edit, Site
from prune_mi.graph.traits import DROPOUTS
from prune_mi.graph.units.single_layers import single_layers
from prune_mi.information.ranking import criterion
from prune_mi.morphisms.catalog import Allows, recorded
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.morphisms.removals import RemoveLayer
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Proposed, Trained
from prune_mi.search.racing import Rung


class DeletionTrials:
    """Tries trained children without their least layer, and counts.

    Args:
        run: The run under way.
        evaluator: Ranks layers, and trains the slimmer children.
    """

    def __init__(self, run: Run[SearchSettings], evaluator: Evaluator) -> None:
        self._run = run
        self._evaluator = evaluator
        self.tried = 0
        self.adopted = 0

    def offered(
        self,
        trained: Sequence[Trained],
        *,
        allows: Allows,
        seconds: float | None,
    ) -> tuple[list[Trained], list[Trained], list[FailedEvaluation]]:
        """For each trained child, the better of itself and its slimmer version.

        Args:
            trained: Children, and the base, which is left as it is.
            allows: Which graphs a child may have.
            seconds: Wall clock of each training, or None.

        Returns:
            The better ones; the others; slimmer children that could not be evaluated.
        """
        children = [each for each in trained if each.morphs]
        slimmer, failures = self._slimmer(children, allows), list[FailedEvaluation]()
        self._evaluator.announce(slimmer)
        self.tried += len(slimmer)
        parents = {each.name: each for each in children}
        if self._run.settings.weights == "scratch":
            ready = [
                each.screened(parents[each.parent].quality, measured=False, fresh=True)
                for each in slimmer
            ]
        else:
            graphs = {name: each.graph for name, each in parents.items()}
            ready, failures = self._evaluator.screen(slimmer, graphs)
        retrained, lost = self._evaluator.train(ready, Rung(len(ready), 1.0, seconds))
        by_parent = {each.parent: each for each in retrained}
        better, others = [], []
        for each in trained:
            rival = by_parent.get(each.name)
            if rival is not None and rival.quality > each.quality:
                self.adopted += 1
                better.append(rival)
                others.append(each)
            else:
                better.append(each)
                others += [] if rival is None else [rival]
        return better, others, failures + lost

    def _slimmer(self, children: Sequence[Trained], allows: Allows) -> list[Proposed]:
        """The slimmer version of each child that has one."""
        chosen = criterion(self._run.settings.ranking.criterion)
        choices = {
            each: _removable(each.graph, allows, same_shape=chosen.needs_same_shape)
            for each in children
        }
        asked = [(each, list(sites)) for each, sites in choices.items() if sites]
        found = []
        for (child, _), answer in zip(asked, self._evaluator.rank(asked), strict=True):
            if isinstance(answer, FailedEvaluation):
                self._run.notes.note(f"{child.name} could not be ranked: {answer.message}")
                continue
            layers = choices[child]
            least = min(range(len(layers)), key=answer.gains.__getitem__)
            site, without = list(layers.items())[least]
            score = SiteScore(
                site.name, answer.gains[least], answer.spreads[least], measure=answer.measure
            )
            reason = f"{score}, lowest of {counted(len(layers), 'layer')}"
            found.append(self._without(child, site, Edit(without, reason)))
        return found

    def _without(self, child: Trained, site: Site, edit: Edit) -> Proposed:
        slimmed = recorded(RemoveLayer(), child.graph, site, edit)
        return Proposed(
            name=f"{child.name}s",
            graph=slimmed.graph,
            cost=graph_cost(slimmed.graph),
            parent=child.name,
            morphs=(slimmed.record,),
            lineage=(*child.lineage, slimmed.record),
            images_trained=child.images_trained,
        )


def _removable(graph: LayerGraph, allows: Allows, *, same_shape: bool) -> dict[Site, LayerGraph]:
    """The layers that rank may take, and the rest of the graph, where that is still allowed.

    Args:
        graph: A child's.
        allows: Which graphs a child may have.
        same_shape: Whether layers that change an image's size are left out.
    """
    found = {}
    for site in single_layers(graph):
        layer = graph.layer_of(graph.node_by_name[site.nodes[0]])
        resizes = graph.spec(site.before) != graph.spec(site.after)
        if layer.class_name in DROPOUTS or (same_shape and resizes):
            continue
        without = site.edited(graph)
        if isinstance(without, LayerGraph) and allows(without):
            found[site] = without
    return found
