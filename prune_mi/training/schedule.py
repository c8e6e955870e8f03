"""The learning rate over a training, and when the training ends."""

import math
import time

_WARMUP = 0.05
_FLOOR = 0.01


class Schedule:
    """Warm-up, then cosines down to a floor, over steps or time, whichever is further on.

    Source of the cosine: Loshchilov & Hutter (2017), SGDR.

    Args:
        total: Steps.
        deadline: On the monotonic clock, or None.
        peak: Of the learning rate.
        cycles: Cosines, all of one length, each from the peak down to the floor.

    It begins when it is told to, or with the end of the first step, which compiles.

    Attributes:
        steps: That have been taken.
        timed_steps: Of them, those since it began.
        step_seconds: What these took.
    """

    def __init__(self, total: int, *, deadline: float | None, peak: float, cycles: int = 1) -> None:
        self._total = total
        self._deadline = deadline
        self._peak = peak
        self._cycles = cycles
        self._started: float | None = None
        self.steps = 0
        self.timed_steps = 0
        self.step_seconds = 0.0

    def rates(self, count: int) -> list[float]:
        """Of the next `count` steps."""
        elapsed = 0.0
        if self._deadline is not None and self._started is not None:
            left = self._deadline - self._started
            elapsed = (time.monotonic() - self._started) / max(left, 1e-9)
        shares = (max((self.steps + step) / self._total, elapsed) for step in range(count))
        return [self._peak * cosine(min(share, 1.0), self._cycles) for share in shares]

    def begin(self) -> None:
        """Steps that follow need not compile."""
        self._started = time.monotonic()

    def steps_within(self, seconds: float) -> int:
        """How many steps that time is enough for, at least one."""
        if self.timed_steps == 0:
            return 1
        return max(1, int(seconds * self.timed_steps / max(self.step_seconds, 1e-9)))

    def told(self, count: int) -> None:
        """Takes note of `count` steps that have just been taken."""
        self.steps += count
        if self._started is None:
            self.begin()
            return
        self.timed_steps += count
        self.step_seconds = time.monotonic() - self._started

    @property
    def over(self) -> bool:
        """Whether time is up; a step is taken in any case."""
        late = self._deadline is not None and time.monotonic() >= self._deadline
        return late and self.steps > 0


def cosine(done: float, cycles: int) -> float:
    """Share of the peak, `done` of the way; the warm-up is the first cosine's alone."""
    if done < _WARMUP / cycles:
        return max(done * cycles / _WARMUP, _FLOOR)
    phase = cycles * done % 1.0 if done < 1.0 else 1.0
    if done < 1 / cycles:
        phase = (phase - _WARMUP) / (1 - _WARMUP)
    return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * phase))
