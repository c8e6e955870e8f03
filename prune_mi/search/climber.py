"""The hill climber: ask for children, tell their accuracies, keep the elite.

Pure: it draws morphisms and compares numbers; repair, screening and training happen elsewhere.
A child that was trained, is cheaper than the elite, and came close to the allowed drop without
reaching it is kept as `promising`: it competes again in the next generation with its weights, so
no training is lost. After a generation that accepts nothing, children take half as many morphs.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from prune_mi.graph.cost import graph_cost
from prune_mi.morphisms.catalog import morph
from prune_mi.morphisms.morphism import MorphContext, RankedName
from prune_mi.search.candidate import Candidate
from prune_mi.search.selection import acceptable, best_of, choose_for_training, improves

_DRAWS_A_CHILD = 25
_CLOSE = 3.0


class HillClimber:
    """Elitist hill climbing over graphs.

    Args:
        reference: The original, with its validation accuracy.
        allowed_drop: Accuracy that may be lost, a fraction.
        objective: `macs`, `params` or `accuracy`.
        mix: Probabilities of morphisms.
        max_morphs: Morphisms a child at most.
        rng: Source of all draws.
    """

    def __init__(
        self,
        reference: Candidate,
        *,
        allowed_drop: float,
        objective: str,
        mix: Mapping[str, float],
        max_morphs: int,
        rng: np.random.Generator,
    ) -> None:
        self._objective = objective
        self._mix = mix
        self._max_morphs = max_morphs
        self._rng = rng
        self._allowed = allowed_drop
        self._seen = {reference.graph.structural_hash()}
        self.floor = (reference.accuracy or 0.0) - allowed_drop
        self.elite = reference
        self.promising: Candidate | None = None
        self.generation = 0
        self.flat_generations = 0

    def ask(self, num_children: int, ranking: Sequence[RankedName]) -> tuple[Candidate, ...]:
        """New children of the elite, no architecture twice; fewer where none are left to find."""
        self.generation += 1
        most = max(1, math.ceil(self._max_morphs / 2**self.flat_generations))
        context = MorphContext(ranking=ranking, objective=self._objective)
        children: list[Candidate] = []
        for _ in range(_DRAWS_A_CHILD * num_children):
            if len(children) == num_children:
                break
            num_morphs = int(self._rng.integers(1, most + 1))
            graph, records = morph(
                self.elite.graph,
                num_morphs=num_morphs,
                mix=self._mix,
                context=context,
                rng=self._rng,
            )
            digest = graph.structural_hash()
            if not records or digest in self._seen:
                continue
            self._seen.add(digest)
            child = Candidate(
                name=f"g{self.generation}c{len(children) + 1}",
                graph=graph,
                cost=graph_cost(graph),
                parent=self.elite.name,
                morphs=records,
                lineage=(*self.elite.lineage, *records),
                images_trained=self.elite.images_trained,
            )
            children.append(child)
        return tuple(children)

    def choose(self, screened: Sequence[Candidate], count: int) -> tuple[Candidate, ...]:
        """The children to train: the best few of the screened and the promising one."""
        pool = [*screened, *([self.promising] if self.promising else [])]
        return choose_for_training(
            pool,
            count,
            elite=self.elite,
            floor=self.floor,
            allowed=self._allowed,
            objective=self._objective,
        )

    def tell(self, trained: Sequence[Candidate]) -> Candidate | None:
        """Takes trained children; returns the new elite, or None where the old one stays."""
        fit = [each for each in trained if self.accepts(each)]
        if fit:
            self.elite = best_of(fit, self._objective)
            self.flat_generations = 0
        else:
            self.flat_generations += 1
        self.promising = self._most_promising(trained)
        return self.elite if fit else None

    def accepts(self, candidate: Candidate) -> bool:
        """Whether a trained candidate may replace the elite."""
        return acceptable(candidate, elite=self.elite, floor=self.floor, objective=self._objective)

    def _most_promising(self, trained: Sequence[Candidate]) -> Candidate | None:
        if self._objective == "accuracy":
            return None
        margin = _CLOSE * max(self._allowed, 0.005)
        close = [
            each
            for each in (*trained, *([self.promising] if self.promising else []))
            if improves(each, self.elite, self._objective)
            and each.own_images > 0
            and (each.accuracy or 0.0) >= self.floor + self._allowed - margin - self._allowed
        ]
        latest = {each.name: each for each in reversed(close)}
        return max(latest.values(), key=lambda each: each.accuracy or 0.0) if latest else None
