"""What is done when a worker dies: once more, in another way, or no more.

- A crash (SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, or an exit of its own): once more in safe mode,
  with oneDNN off; a second one is final. Once two jobs came through so, all are done so from then
  on, lest each first crash.
- Killed (SIGKILL), or a `MemoryError`: once more with half as many at once; again with nothing
  beside it is final.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from prune_mi.execution.executor import Lost

_ENOUGH_RESCUED = 2


@dataclass(slots=True)
class History:
    """What one job went through.

    Attributes:
        safe: Whether it is done in safe mode.
        beside: The most that ran at once while it did, itself among them.
        crashes: What its workers died by.
        kills: How often they were killed, or out of memory.
    """

    safe: bool = False
    beside: int = 1
    crashes: list[str] = field(default_factory=list)
    kills: int = 0


@dataclass(frozen=True, slots=True)
class Died:
    """The outcome of a job that was given up.

    Attributes:
        message: What happened, as the end of a sentence about the job.
        advice: What to try.
    """

    message: str
    advice: str


class Deaths:
    """Decides what follows each death, over one run.

    `at_once` is how many may run at once, `all_safe` whether all are to run in safe mode.

    Args:
        at_once: How many may, to begin with.
        note: Hears of each death and what is done.
    """

    def __init__(self, at_once: int, note: Callable[[str], None]) -> None:
        self.at_once = at_once
        self.all_safe = False
        self.short_of_memory = False
        self._rescued = 0
        self._note = note

    def of(self, name: str, history: History, cause: Lost | MemoryError) -> Died | None:
        """Judges a death; None where the job is to be done once more, as `history` then says."""
        if isinstance(cause, MemoryError):
            return self._killed(name, history, "ran out of memory")
        if cause.was_killed:
            said = "was killed (SIGKILL), most likely because memory ran out"
            return self._killed(name, history, said)
        return self._crashed(name, history, cause)

    def survived(self, history: History) -> None:
        """A job has come to its end."""
        if not (history.crashes and history.safe) or self.all_safe:
            return
        self._rescued += 1
        if self._rescued >= _ENOUGH_RESCUED:
            self.all_safe = True
            self._note(
                f"{self._rescued} tasks crashed at first and succeeded with oneDNN off. It now "
                "stays off for all others. Training may be slower."
            )

    def _crashed(self, name: str, history: History, cause: Lost) -> Died | None:
        history.crashes.append(cause.what + (" with oneDNN off" if history.safe else ""))
        if len(history.crashes) > 1:
            self._note(
                f"The worker of {name} died again, by {cause.explained}. {name} is given up."
            )
            first, second = history.crashes
            return Died(
                f"its worker died twice: {first}, then {second}",
                "the fault lies in a library below Keras, or in the model's own code: try another "
                "version of TensorFlow, or KERAS_BACKEND=jax with prune-mi[jax] installed",
            )
        history.safe = True
        self._note(
            f"The worker of {name} died by {cause.explained}. {name} is run once more with oneDNN "
            "off (a library that TensorFlow uses on CPUs)."
        )
        return None

    def _killed(self, name: str, history: History, said: str) -> Died | None:
        self.short_of_memory = True
        history.kills += 1
        if history.kills > 1 and history.beside == 1:
            self._note(f"The worker of {name} {said}, while it ran alone. {name} is given up.")
            return Died(
                f"its worker {said}. This happened {history.kills} times, the last time while it "
                "ran alone",
                "end other programs, give the machine or container more memory, or take a smaller "
                "batch size or model",
            )
        fewer = max(1, history.beside // 2)
        told = f"The worker of {name} {said}. {name} is run once more."
        if fewer < self.at_once:
            told += f" From now on at most {fewer} run at once, instead of {self.at_once}."
            self.at_once = fewer
        self._note(told)
        return None
