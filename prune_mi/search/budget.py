"""The wall-clock budget, and how it is shared out."""

import math
import time
from collections.abc import Callable

_FINAL_SHARE = 0.6
_FINAL_SHARE_IN_TURN = 0.7
_OVERHEAD_FACTOR = 4.0
_MIN_FACTOR = 2.0


class Budget:
    """Time since a run began, and what is left of its budget.

    Args:
        total: Seconds, or None for no bound.
        started: When the run began, on `clock`; of one that goes on, so much before now as it took
            so far.
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


def search_seconds(available: float | None, *, rounds: int) -> float | None:
    """The search's share of the time for search and final training together.

    Args:
        available: Seconds, or None.
        rounds: How often the final training's time is needed, see `final_rounds`.
    """
    if available is None:
        return None
    return available * (1 - (_FINAL_SHARE if rounds == 1 else _FINAL_SHARE_IN_TURN))


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


def final_rounds(*, control: bool, workers: int, points: int = 1) -> int:
    """How often the final training's time is needed: twice where a control has to wait its turn.

    Args:
        control: Whether there is one.
        workers: Trainings at once.
        points: Models that get the final training beside it.
    """
    return math.ceil((points + control) / workers)


def final_images(seconds: float, *, rate: float, overhead: float, wanted: float) -> int:
    """Images that a final training is expected to see.

    Args:
        seconds: Time for it.
        rate: Images a second of the network on one worker.
        overhead: Seconds that it takes beside its steps.
        wanted: Images without a bound on time; may be infinite.
    """
    return max(0, math.floor(min(wanted, rate * max(0.0, seconds - overhead))))
