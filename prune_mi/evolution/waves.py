"""How many children a generation asks for: a first wave, and others that learn from those before.

Units take two waves. Plans take three, and more as long as they get better; where time is limited,
as long as repairing and scoring them takes little of it. (Repaired and scored, plans are told from
each other well, see docs/method.md, and far faster than by training.)
"""

import time
from collections.abc import Sequence

from prune_mi.config import OptimizeSettings
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Screened, Trained
from prune_mi.search.climber import HillClimber

_SHARES = (0.4,)  # of children, of the waves behind the first
_SHARES_OF_PLANS = (0.3, 0.3)
_REPAIRING_SHARE = 0.25  # of a generation's time, for further waves of plans
_WAVE, _FLAT_WAVES = 4, 4  # plans of a wave where no time is set, and waves without a better one
_MOST_PLANS, _MOST_BYTES = 64, 2**30  # of a generation, and of the weights of its plans


class Waves:
    """The waves of one generation; `asked` children have been asked for so far.

    Args:
        run: The run under way.
        climber: Whose children they are.
        parent: What they are made from.
        began: When the generation began, on the monotonic clock.
        seconds: That it has; None: as long as it takes.
    """

    def __init__(
        self,
        run: Run[OptimizeSettings],
        climber: HillClimber,
        parent: Trained,
        *,
        began: float,
        seconds: float | None,
    ) -> None:
        self._run, self._climber = run, climber
        self._began, self._seconds = began, seconds
        count = run.settings.least_children
        shares = _SHARES_OF_PLANS if climber.narrows else _SHARES
        later = [round(share * count) for share in shares]
        if sum(later) >= count:  # something has to come first
            later = [count // 2]
        self._planned = [count - sum(later), *later]
        in_memory = _MOST_BYTES // (4 * max(1, parent.cost.num_params))
        self._most = max(count, min(_MOST_PLANS, in_memory))
        self._needed: float | None = None
        self._best, self._flat = "", 0
        self.asked = 0

    @property
    def needed(self) -> float:
        """Seconds that the waves took which come in any case."""
        return time.monotonic() - self._began if self._needed is None else self._needed

    def next(self, seen: Sequence[Screened]) -> int | None:
        """How many children are asked for next; None: the generation has all of its children."""
        count = self._planned.pop(0) if self._planned else self._more(seen)
        self.asked += count or 0
        return count

    def _more(self, seen: Sequence[Screened]) -> int | None:
        self._needed = self.needed
        left = self._most - self.asked
        if self._run.settings.children or left <= 0 or not (self._climber.narrows and seen):
            return None
        wave = self._wave(seen) if self._seconds is None else self._timed_wave(self._seconds)
        return min(wave, left) or None

    def _wave(self, seen: Sequence[Screened]) -> int:
        """Plans of another wave, as long as one of the last waves brought a better plan."""
        best = self._climber.best_screened(seen)
        name = "" if best is None else best.name
        self._flat = self._flat + 1 if name == self._best else 0
        self._best = name
        return _WAVE if self._flat < _FLAT_WAVES else 0

    def _timed_wave(self, seconds: float) -> int:
        """Plans of another wave, where it takes little of the generation's time."""
        spent = time.monotonic() - self._began
        wave: int = self._run.log.decided(
            f"more plans than {self.asked} of generation {self._climber.generation}",
            lambda: 2 * self._run.evaluations.at_once if spent < _REPAIRING_SHARE * seconds else 0,
        )
        return wave
