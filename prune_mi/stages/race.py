"""The children of a generation of a search: made ready for training, and raced."""

from collections.abc import Sequence
from dataclasses import replace

from prune_mi.config import SearchSettings
from prune_mi.morphisms.catalog import CATALOG
from prune_mi.search.candidate import Candidate
from prune_mi.search.racing import Rung
from prune_mi.search.weight_bank import WeightBank
from prune_mi.stages.evaluation import Evaluator, Failure


class Race:
    """Trains the children of one generation after another, and their parent beside them.

    Args:
        evaluator: Repairs and trains.
        settings: The run's settings: whether weights are kept.
        bank: The weights that children share; None where they share none.
    """

    def __init__(
        self, evaluator: Evaluator, settings: SearchSettings, bank: WeightBank | None
    ) -> None:
        self._evaluator = evaluator
        self._settings = settings
        self._bank = bank

    def prepared(
        self, children: Sequence[Candidate], parent: Candidate, *, generation: int
    ) -> tuple[list[Candidate], frozenset[str], list[Failure]]:
        """Children with the weights that their training begins with, and who forgets them.

        What no morphism has hurt is ready as it is. What one has, or what has inherited weights
        that others were trained beside, is repaired; or, with `weights: scratch` and where layers
        have gone, trained from fresh weights.
        """
        fresh = frozenset(
            each.name
            for each in children
            if self._settings.weights == "scratch"
            and not _keeps_function(each)
            and any(m.is_removal for m in each.morphs)
        )
        children, mixed = self._inherited(children, parent, fresh)
        hurt = [each for each in children if each.name in mixed or not _keeps_function(each)]
        to_repair = [each for each in hurt if each.name not in fresh]
        repaired, failures = self._evaluator.screen(
            to_repair, lambda _: parent.graph, generation=generation
        )
        ready = [replace(each, accuracy=parent.accuracy) for each in children]
        by_name = {each.name: each for each in (*ready, *repaired)}
        failed = {each.candidate.name for each in failures}
        return [by_name[each.name] for each in children if each.name not in failed], fresh, failures

    def _inherited(
        self, children: Sequence[Candidate], parent: Candidate, fresh: frozenset[str]
    ) -> tuple[list[Candidate], frozenset[str]]:
        """Children with what the bank has for them, and who got weights from several networks."""
        if self._bank is None:
            return list(children), frozenset()
        given, mixed = list[Candidate](), set[str]()
        for each in children:
            if each.name in fresh:
                self._bank.begin_anew(each, parent)
                given.append(each)
                continue
            graph, names = self._bank.inherit(each, parent)
            if names and each.morphs:
                mixed.add(each.name)
            given.append(replace(each, graph=graph) if each.name in mixed else each)
        return given, frozenset(mixed)

    def run(
        self,
        field: list[Candidate],
        rungs: Sequence[Rung],
        *,
        fresh: frozenset[str],
        generation: int,
    ) -> tuple[list[Candidate], list[Candidate], list[Failure]]:
        """Trains candidates in rungs: those that came through, that fell behind, that failed."""
        left, behind, failures = field, [], []
        # Trainings end in any order; who goes on, and what is learned, must not depend on it.
        order = {each.name: place for place, each in enumerate(field)}
        for place, rung in enumerate(rungs):
            ordered = sorted(left, key=lambda each: (-(each.accuracy or 0.0), order[each.name]))
            going, staying = ordered[: rung.count], ordered[rung.count :]
            behind += staying
            forgetting = frozenset[str]() if place else fresh
            left, lost = self._evaluator.train(
                going, rung, floor=0.0, generation=generation, fresh=forgetting
            )
            failures += lost
        return sorted(left, key=lambda each: order[each.name]), behind, failures


def _keeps_function(child: Candidate) -> bool:
    return all(CATALOG[morph.kind].keeps_function for morph in child.morphs)
