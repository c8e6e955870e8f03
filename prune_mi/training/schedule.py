"""The learning rate over a training, and when the training ends."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

_WARMUP = 0.05
_FLOOR = 0.01
_NEWEST = 0.1  # of the average, what the last steps are
_HELD = 10.0  # times the pace


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training has come; see `Schedule`."""

    steps: int
    timed_steps: int
    step_seconds: float
    pace: float | None


class Schedule:
    """Warm-up, then cosines down to a floor, over all steps or those that there is time for.

    How many steps there is time for is told from the pace of the last ones. So a training that is
    held for a while goes on where it was, and its learning rate still reaches the floor in the end.

    Source of the cosine: Loshchilov & Hutter (2017), SGDR.

    Args:
        total: Steps.
        deadline: On the monotonic clock, or None.
        peak: Of the learning rate.
        cycles: Cosines, all of one length, each from the peak down to the floor.
        done: What was done of it before it was interrupted; None: nothing.
        clock: Monotonic seconds.

    It begins when it is told to, or with the end of the first step, which compiles.

    Attributes:
        steps: That have been taken.
        timed_steps: Of them, those since it began.
        step_seconds: What these took.
    """

    def __init__(
        self,
        total: int,
        *,
        deadline: float | None,
        peak: float,
        cycles: int = 1,
        done: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._deadline = deadline
        self._peak = peak
        self._cycles = cycles
        self._clock = clock
        self._last: float | None = None
        done = done or Progress(0, 0, 0.0, None)
        self._pace = done.pace  # seconds a step, of late
        self._was_held = False
        self.steps = done.steps
        self.timed_steps = done.timed_steps
        self.step_seconds = done.step_seconds

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        return Progress(self.steps, self.timed_steps, self.step_seconds, self._pace)

    @property
    def expected(self) -> float:
        """Steps that there will have been: all, or as many as there is time for."""
        if self._deadline is None or self._pace is None:
            return float(self._total)
        left = max(0.0, self._deadline - self._clock())
        return min(float(self._total), self.steps + left / self._pace)

    def rates(self, count: int) -> list[float]:
        """Of the next `count` steps."""
        total = max(self.expected, 1.0)
        shares = ((self.steps + step) / total for step in range(count))
        return [self._peak * cosine(min(share, 1.0), self._cycles) for share in shares]

    def begin(self) -> None:
        """Steps that follow need not compile."""
        self._last = self._clock()

    def steps_within(self, seconds: float) -> int:
        """How many steps that time is enough for, at least one."""
        return 1 if self._pace is None else max(1, int(seconds / self._pace))

    def told(self, count: int) -> None:
        """Takes note of `count` steps that have just been taken."""
        self.steps += count
        now = self._clock()
        if self._last is not None:
            self.timed_steps += count
            self.step_seconds += now - self._last
            self._learn_pace(max(now - self._last, 1e-9) / count)
        self._last = now

    def _learn_pace(self, seconds: float) -> None:
        """A moving average; one call that took far longer was held, and says nothing."""
        held = self._pace is not None and seconds > _HELD * self._pace
        if self._pace is None or (held and self._was_held):
            self._pace = seconds
        elif not held:
            self._pace += _NEWEST * (seconds - self._pace)
        self._was_held = held

    @property
    def over(self) -> bool:
        """Whether time is up; a step is taken in any case."""
        late = self._deadline is not None and self._clock() >= self._deadline
        return late and self.steps > 0


def cosine(done: float, cycles: int) -> float:
    """Share of the peak, `done` of the way; the warm-up is the first cosine's alone."""
    if done < _WARMUP / cycles:
        return max(done * cycles / _WARMUP, _FLOOR)
    phase = cycles * done % 1.0 if done < 1.0 else 1.0
    if done < 1 / cycles:
        phase = (phase - _WARMUP) / (1 - _WARMUP)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * phase))
