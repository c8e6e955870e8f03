"""How one generation's training time is spent: a short heat for many, a long one for the best.

Source: Jamieson & Talwalkar (2016), Successive Halving, with two rungs: each training is a cosine
of its own, so a few long ones beat many restarts.
"""

import math
from dataclasses import dataclass

_MAX_COMPILE_SHARE = 0.25
_LADDERS = ((3, 6.0), (2, 4.0))


@dataclass(frozen=True, slots=True)
class Rung:
    """One round of training.

    Attributes:
        count: Children trained in it.
        share: Of a child's whole training, as a fraction.
        seconds: Wall clock of each training, compilation included, or None without a budget.
    """

    count: int
    share: float
    seconds: float | None


def plan_rungs(
    *,
    num_children: int,
    finalists: int,
    workers: int,
    seconds: float | None,
    compile_seconds: float,
) -> tuple[Rung, ...]:
    """Cuts a generation's training into rungs.

    Args:
        num_children: Children there are to train.
        finalists: How many reach the last rung.
        workers: Trainings at once.
        seconds: Wall clock for all of them, or None.
        compile_seconds: What every training spends before its first step and after its last; where
            that would be over a quarter of the time, fewer children get a heat, or none.
    """
    last = max(1, min(finalists, num_children))
    for heats, ratio in _LADDERS:
        count = min(num_children, heats * last)
        if count <= last:
            continue
        waves, last_waves = math.ceil(count / workers), math.ceil(last / workers)
        if seconds is None:
            return (Rung(count, 1 / (1 + ratio), None), Rung(last, ratio / (1 + ratio), None))
        compiling = (waves + last_waves) * compile_seconds
        if compiling <= _MAX_COMPILE_SHARE * seconds:
            unit = (seconds - compiling) / (waves + last_waves * ratio)
            return (
                Rung(count, 1 / (1 + ratio), compile_seconds + unit),
                Rung(last, ratio / (1 + ratio), compile_seconds + ratio * unit),
            )
    waves = math.ceil(last / workers)
    return (Rung(last, 1.0, None if seconds is None else max(0.0, seconds) / waves),)
