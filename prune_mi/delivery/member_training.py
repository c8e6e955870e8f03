"""The final training of a search: of the best network that was grown, and others of an average."""

import math

from prune_mi.config import SearchSettings
from prune_mi.delivery.trainings import Finalists, finally_trained, too_late
from prune_mi.evolution.recipe import damage_of, training_task
from prune_mi.evolution.strategy import Evolved
from prune_mi.execution.tasks import Evaluated
from prune_mi.preparation.baseline import Baseline
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Trained
from prune_mi.search.selection import standard_error


def train_members(
    run: Run[SearchSettings], evolved: Evolved, baseline: Baseline, *, seconds: float | None
) -> Finalists:
    """Trains the best model that was grown, and the other members of an average, to the end.

    A model that the final training made worse on validation by more than a standard error, or no
    better than the start, keeps its weights from before. (What was chosen for its accuracy among
    many owes some of it to chance, which no training gives back: on 300 digits, 60 of which
    validated, 5 seeds, the final training raised test accuracy each time, and lowered that of
    validation twice.)

    Args:
        run: The run under way.
        evolved: Where the search ended.
        baseline: What it started from.
        seconds: Wall clock for all of it, or None.
    """
    settings, pool, observer = run.settings, run.evaluations, run.notes
    members = members_of(evolved, settings.ensemble)
    if len(members) < settings.ensemble:
        observer.note(
            f"The average has {len(members)} of the {settings.ensemble} networks asked for "
            "(--ensemble): no more networks that differ in structure were found."
        )
    waves = math.ceil(len(members) / pool.workers)
    beside_steps = 0.0 if evolved.speed is None else evolved.speed.overhead_seconds
    no_time = run.log.decided(
        "no time for a final training",
        lambda: seconds is not None and seconds / waves <= beside_steps,
    )
    if no_time:
        observer.note("The time budget leaves no time for a final training of the best network.")
        return Finalists(members[0], members=members)
    num_train = baseline.images.num_train
    tasks = [
        training_task(
            each,
            evolved.profile,
            settings,
            num_images=max(1, round(settings.final_epochs * num_train)),
            num_train_images=num_train,
            seconds=None if seconds is None else seconds / waves,
            damage=damage_of(each, baseline),
        )
        for each in members
    ]

    def tolerated(before: Trained, after: Evaluated) -> float:
        better = after.quality > baseline.given.quality
        return standard_error(before.quality, len(baseline.roles.validation)) if better else 0.0

    done = finally_trained(
        {each.name: each for each in members},
        pool.run(tasks, too_late=too_late(run, seconds)),
        observer,
        tolerated=tolerated,
        images="images set aside",
    )
    after = tuple(done.after[each.name] for each in members)
    return Finalists(after[0], members=after, images=done.images, training_s=done.step_seconds)


def members_of(evolved: Evolved, count: int) -> tuple[Trained, ...]:
    """The best model, then the most accurate ones of other structures."""
    own = evolved.elite.graph.structural_hash()
    others = [each for each in evolved.runners_up if each.graph.structural_hash() != own]
    return (evolved.elite, *others[: count - 1])
