"""The final training of the best model of a search, and of the members of an ensemble beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prune_mi.config import SearchSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.records import Observer
from prune_mi.search.candidate import Candidate
from prune_mi.search.selection import standard_error
from prune_mi.stages.architecture import ArchitectureOutcome
from prune_mi.stages.finish import better_of
from prune_mi.stages.recipe import training_task


@dataclass(frozen=True, slots=True)
class FinallyTrained:
    """The models of a search after their final training.

    Attributes:
        members: The result first; behind it the other members of an ensemble.
        images, training_s: What the final trainings saw, and what their steps took.
    """

    members: tuple[Candidate, ...]
    images: int
    training_s: float


def train_best(
    outcome: ArchitectureOutcome,
    *,
    pool: WorkerPool,
    settings: SearchSettings,
    seconds: float | None,
    num_train_images: int,
    observer: Observer,
) -> FinallyTrained:
    """Trains the best model, and the other members of an ensemble, to the end.

    A model that the final training made worse on validation by more than a standard error, or no
    better than the start, keeps its weights from before. (What was chosen for its accuracy among
    many owes some of it to chance, which no training gives back: on 300 digits, 60 of which
    validated, 5 seeds, the final training raised test accuracy each time, and lowered that of
    validation twice.)

    Args:
        outcome: Where the search ended.
        pool: Where models are trained.
        settings: The run's settings.
        seconds: Wall clock for all of it, or None.
        num_train_images: Images that there are.
        observer: Hears of it.
    """
    members = ensemble_members(outcome, settings.ensemble)
    if len(members) < settings.ensemble:
        observer.note(
            f"The average has {len(members)} of the {settings.ensemble} networks asked for "
            "(--ensemble): no more networks that differ in structure were found."
        )
    by_name = {each.name: each for each in members}
    waves = math.ceil(len(members) / pool.workers)
    beside_steps = 0.0 if outcome.speed is None else outcome.speed.overhead_seconds
    if seconds is not None and seconds / waves <= beside_steps:
        observer.note("The time budget leaves no time for a final training of the best network.")
        return FinallyTrained(tuple(members), 0, 0.0)
    tasks = [
        training_task(
            each,
            outcome.subject,
            settings,
            num_images=max(1, round(settings.final_epochs * num_train_images)),
            num_train_images=num_train_images,
            seconds=None if seconds is None else seconds / waves,
        )
        for each in members
    ]
    images, training_s = 0, 0.0
    for done in pool.run(tasks):
        images += done.images_trained
        training_s += done.step_seconds
        if isinstance(done, FailedEvaluation):
            observer.note(f"The final training of {done.name} failed: {done.message}")
            continue
        before, subject = by_name[done.name], outcome.subject
        error = standard_error(before.accuracy or 0.0, len(subject.roles.validation))
        within = error if done.accuracy > subject.val_accuracy else 0.0
        by_name[done.name] = better_of(
            before, done, observer, within=within, images="images set aside"
        )
    return FinallyTrained(tuple(by_name[each.name] for each in members), images, training_s)


def ensemble_members(outcome: ArchitectureOutcome, count: int) -> Sequence[Candidate]:
    """The best model, then the most accurate ones of other structures."""
    elite = outcome.elite
    own = elite.graph.structural_hash()
    others = [each for each in outcome.runners_up if each.graph.structural_hash() != own]
    return [elite, *others[: count - 1]]
