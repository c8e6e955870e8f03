"""The wall-clock budget, and how it is shared out."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

CONTROL_SHARE = 0.6
NO_CONTROL_SHARE = 0.45
_OVERHEAD_FACTOR = 4.0
_SAFETY = 0.93


class Budget:
    """Time since a run began, and what is left of its budget.

    Args:
        total: Seconds, or None for no bound.
        started: When the run began, on `clock`.
        clock: Monotonic seconds.
    """

    def __init__(
        self, total: float | None, *, started: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self._started = started
        self._clock = clock

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._started

    def remaining(self) -> float | None:
        """Seconds left, never negative; None without a bound."""
        return None if self.total is None else max(0.0, self.total - self.elapsed())


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How the search's time is cut.

    Attributes:
        generations: How many fit.
        seconds_each: Time of one generation, screening included; None without a budget.
    """

    generations: int
    seconds_each: float | None


def plan_search(
    available: float | None, *, max_generations: int, overhead: float, control: bool
) -> SearchPlan:
    """Cuts the search into generations that are mostly training.

    Args:
        available: Seconds for search and final training together, or None.
        max_generations: Generations at most.
        overhead: Seconds that a generation spends on ranking, screening and compiling.
        control: A control is trained beside the final training, for as many images as the whole
            lineage: the final training is given a larger share, so that it keeps up.
    """
    if available is None:
        return SearchPlan(max_generations, None)
    share = CONTROL_SHARE if control else NO_CONTROL_SHARE
    search = available * (1 - share)
    generations = max(1, min(max_generations, int(search / (_OVERHEAD_FACTOR * overhead))))
    return SearchPlan(generations, search / generations)


def final_images(
    seconds: float,
    *,
    images_so_far: int,
    child_rate: float,
    reference_rate: float,
    overhead: float,
    wanted: int,
    control: bool,
) -> int:
    """Images of the final training, so that an equally trained control ends in time too.

    The control has images_so_far + F images to see while the winner sees F.

    Args:
        seconds: Time for the final training.
        images_so_far: Images that the winner's lineage has trained on.
        child_rate: Images a second of the winner on one worker.
        reference_rate: The same of the original.
        overhead: Seconds to compile, recalibrate and score.
        wanted: Images without a bound on time.
        control: Whether a control is trained beside it.
    """
    usable = max(0.0, (seconds - overhead) * _SAFETY)
    images = child_rate * usable
    if control:
        images = min(images, reference_rate * usable - images_so_far)
    return max(0, min(wanted, math.floor(images)))
