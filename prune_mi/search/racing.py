"""How one generation's training time is spent: a short heat for many, a long one for the best.

Source: Jamieson & Talwalkar (2016), Successive Halving, with two rungs: each training is a cosine
of its own, so a few long ones beat many restarts.
"""

import math
from dataclasses import dataclass

_MAX_COMPILE_SHARE = 0.25
_LADDERS = ((3, 6.0), (2, 4.0))
_MAX_RACE_COMPILE_SHARE = 0.35
_TELLING_STEPS = 60


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


def halving_rungs(
    *,
    children: int,
    child_steps: float,
    finalists: int,
    workers: int,
    compile_seconds: float,
    seconds: float | None,
) -> tuple[Rung, ...]:
    """Successive halving: few images for many children, more for the better ones of these.

    All rungs share the images evenly, and together have as many as `children` whole trainings.
    Twice as many children are begun, in three rungs or two; or just `children` in one, where the
    first rung's trainings would be too short to tell one child from another, or compiling would
    take too much of the time. With too little time for that, there are fewer. Without a clock
    nothing depends on how fast the machine is.

    Args:
        children: Whole trainings there are to give away.
        child_steps: Optimizer steps of a whole training.
        finalists: How many reach the last rung at least.
        workers: Trainings at once.
        compile_seconds: What a training spends beside its steps.
        seconds: Wall clock for all rungs together, or None.
    """
    for num_rungs in (3, 2, 1):
        counts = _ladder(children, finalists, num_rungs)
        shares = [min(1.0, children / (len(counts) * count)) for count in counts]
        waves = [math.ceil(count / workers) for count in counts]
        compiling = sum(waves) * compile_seconds
        tells = num_rungs == 1 or shares[0] * child_steps >= _TELLING_STEPS
        if tells and (seconds is None or compiling <= _MAX_RACE_COMPILE_SHARE * seconds):
            break
    if seconds is None:
        return tuple(Rung(*each, None) for each in zip(counts, shares, strict=True))
    if compiling > _MAX_RACE_COMPILE_SHARE * seconds:
        most = max(1, math.floor(_MAX_RACE_COMPILE_SHARE * seconds / compile_seconds))
        counts = [max(2, min(children, most * workers))]
        waves = [math.ceil(counts[0] / workers)]
        compiling = waves[0] * compile_seconds
    stepping = max(0.0, seconds - compiling)
    unit = stepping / sum(wave * share for wave, share in zip(waves, shares, strict=True))
    return tuple(
        Rung(count, share, compile_seconds + share * unit)
        for count, share in zip(counts, shares, strict=True)
    )


def _ladder(children: int, finalists: int, num_rungs: int) -> list[int]:
    """How many children each of at most so many rungs has."""
    if num_rungs == 1:
        return [children]
    counts = [2 * children]
    kept = (finalists / counts[0]) ** (1 / (num_rungs - 1))
    while len(counts) < num_rungs and counts[-1] > finalists:
        counts.append(max(finalists, round(counts[-1] * kept)))
    return counts
