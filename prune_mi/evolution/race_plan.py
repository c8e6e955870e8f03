"""How a generation of a search is trained, and whether there is time for another one."""

import math
from collections.abc import Callable

import numpy as np

from prune_mi.config import SearchSettings
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.evolution.timing import COMPILE_SECONDS_A_NODE
from prune_mi.search.candidate import Trained
from prune_mi.search.racing import Rung, halving_rungs

_MOST_COMPILING = 0.5  # of a generation's time
_A_FINALIST = 3  # whole trainings for each that there is one


class RacePlan:
    """Plans the trainings of one generation after another, by what those before have taken.

    Args:
        settings: The run's settings.
        evaluator: Trains; it knows what a training spends beside its steps.
        workers: Trainings at once.
        num_train_images: Images that there are.
        trials: Whether every child is trained a second time, without a layer.
        speed: Of trainings before the search, or None where there were none.
        left: Seconds before the final training is to begin, or None without a budget.
    """

    def __init__(
        self,
        settings: SearchSettings,
        evaluator: Evaluator,
        *,
        workers: int,
        num_train_images: int,
        trials: bool,
        speed: TrainingSpeed | None,
        left: Callable[[], float | None],
    ) -> None:
        self._settings = settings
        self._evaluator = evaluator
        self._workers = workers
        self._child_steps = settings.child_epochs * num_train_images / settings.training.batch_size
        self._times = 2 if trials else 1
        self._speed = speed
        self._left = left

    def remaining(self) -> float | None:
        """Seconds that the search has left; None without a budget."""
        left = self._left()
        return None if left is None else max(0.0, left)

    def has_time(self, elite: Trained) -> bool:
        """Whether another generation could train two networks for longer than it compiles them."""
        remaining = self.remaining()
        return remaining is None or remaining > self._least_seconds(elite)

    def generation_seconds(self, elite: Trained, *, generations_left: int) -> float | None:
        """An even share of what is left, or more where that would go on compiling."""
        remaining = self.remaining()
        if remaining is None:
            return None
        share = remaining / max(1, generations_left)
        return min(remaining, max(share, 2 * self._least_seconds(elite)))

    def rungs(self, elite: Trained, seconds: float | None) -> tuple[Rung, ...]:
        """How the children of a generation, and their parent beside them, are trained.

        The default method races them; in the others all are trained alike, in a time that leaves as
        much for trials. With too little time there are fewer.

        Args:
            elite: The parent.
            seconds: For all of it, or None.
        """
        settings, compiling = self._settings, self._compile_seconds(elite)
        if settings.is_own_method:
            return halving_rungs(
                children=settings.children + 1,
                child_steps=self._child_steps,
                finalists=settings.trained_children or self._finalists(seconds),
                workers=self._workers,
                compile_seconds=compiling,
                seconds=None if seconds is None else max(0.0, seconds),
            )
        count = settings.children + 1
        if seconds is None:
            return (Rung(count, 1.0, None),)
        most = max(1, math.floor(_MOST_COMPILING * seconds / (self._times * compiling)))
        count = max(2, min(count, most * self._workers))
        each = seconds / (self._times * math.ceil(count / self._workers))
        return (Rung(count, 1.0, max(compiling, each)),)

    def _finalists(self, seconds: float | None) -> int:
        """As many as there are workers to keep busy; without a clock, whatever the machine is."""
        return self._workers if seconds is not None else -(-self._settings.children // _A_FINALIST)

    def _least_seconds(self, elite: Trained) -> float:
        waves = math.ceil(2 * self._times / self._workers)
        return 2 * waves * self._compile_seconds(elite)

    def _compile_seconds(self, network: Trained) -> float:
        """What a training spends beside its steps."""
        latest = self._evaluator.overheads[-2 * self._workers :]
        if latest:
            return float(np.mean(latest))
        guess = len(network.graph.nodes) * COMPILE_SECONDS_A_NODE
        return guess if self._speed is None else self._speed.overhead_seconds
