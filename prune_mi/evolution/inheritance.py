"""The weights that children of a growing network begin with: its own, repaired, shared or new."""

from collections.abc import Sequence
from dataclasses import replace

from prune_mi.evolution.evaluator import Evaluator
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.morphisms.catalog import CATALOG
from prune_mi.search.candidate import Proposed, Screened, Trained
from prune_mi.search.weight_bank import WeightBank


class Inheritance:
    """Gives children the weights that their training begins with.

    Args:
        evaluator: Repairs.
        bank: The weights that children share; None where they share none.
        anew: Whether a child that has lost layers is trained from fresh weights.
    """

    def __init__(self, evaluator: Evaluator, bank: WeightBank | None, *, anew: bool) -> None:
        self._evaluator = evaluator
        self._bank = bank
        self._anew = anew

    def prepared(
        self, children: Sequence[Proposed], parent: Trained
    ) -> tuple[list[Screened], list[FailedEvaluation]]:
        """Children ready for training, in their order, and those that could not be repaired.

        What no morphism has hurt is ready as it is. What one has, or what has inherited weights
        that others were trained beside, is repaired; or trained from fresh weights, if that is
        asked for and layers have gone.
        """
        fresh = frozenset(
            each.name
            for each in children
            if self._anew and not _keeps_function(each) and any(m.is_removal for m in each.morphs)
        )
        children, mixed = self._inherited(children, parent, fresh)
        hurt = [each for each in children if each.name in mixed or not _keeps_function(each)]
        to_repair = [each for each in hurt if each.name not in fresh]
        repaired, failures = self._evaluator.screen(to_repair, {parent.name: parent.graph})
        known = {each.name: each for each in repaired}
        failed = {each.name for each in failures}
        ready = [
            known.get(each.name)
            or each.screened(parent.quality, measured=False, fresh=each.name in fresh)
            for each in children
            if each.name not in failed
        ]
        return ready, failures

    def _inherited(
        self, children: Sequence[Proposed], parent: Trained, fresh: frozenset[str]
    ) -> tuple[list[Proposed], frozenset[str]]:
        """Children with what the bank has for them, and who got weights from several networks."""
        if self._bank is None:
            return list(children), frozenset()
        given, mixed = list[Proposed](), set[str]()
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


def _keeps_function(child: Proposed) -> bool:
    return all(CATALOG[morph.kind].keeps_function for morph in child.morphs)
