"""The wall-clock budget, and how it is shared out."""

import math
import time
from collections.abc import Callable

CONTROL_SHARE = 0.7
NO_CONTROL_SHARE = 0.5
_OVERHEAD_FACTOR = 4.0
_MIN_FACTOR = 2.0
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


def search_seconds(available: float | None, *, control: bool) -> float | None:
    """The search's share of the time for search and final training together.

    A control is trained beside the final training, for as many images as the whole lineage: with
    one, the final training is given the larger share, so that the control keeps up.
    """
    if available is None:
        return None
    return available * (1 - (CONTROL_SHARE if control else NO_CONTROL_SHARE))


def generation_seconds(remaining: float | None, *, overhead: float) -> float | None:
    """The time of the next generation: half of what the search has left, or all of it.

    All of it where half would go mostly on `overhead`: ranking, screening and compiling.

    Returns:
        Seconds; None without a budget.
    """
    if remaining is None:
        return None
    half = remaining / 2
    return half if half >= _OVERHEAD_FACTOR * overhead else remaining


def room_for_generation(remaining: float | None, *, overhead: float) -> bool:
    """Whether another generation could do more than rank, screen and compile."""
    return remaining is None or remaining >= _MIN_FACTOR * overhead


def final_rounds(*, control: bool, workers: int) -> int:
    """How often the final training's time is needed: twice where a control has to wait its turn."""
    return 2 if control and workers == 1 else 1


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
