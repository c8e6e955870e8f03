"""The final training of the winner, beside the control."""

import math
from dataclasses import dataclass, replace
from functools import partial

from prune_mi.config import OptimizeSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, TrainTask
from prune_mi.records import Observer
from prune_mi.search.budget import final_images, final_rounds
from prune_mi.search.candidate import Candidate
from prune_mi.search.selection import acceptable
from prune_mi.stages.control import CONTROL, Control
from prune_mi.stages.generations import SearchOutcome
from prune_mi.stages.limits import AllowedDrop
from prune_mi.stages.recipe import after_training, training_task
from prune_mi.stages.roles import Subject
from prune_mi.stages.statistics import StatisticsChoice
from prune_mi.stages.timing import MORE_THAN_EXPECTED, scoring_seconds, training_speed


@dataclass(frozen=True, slots=True)
class Finalists:
    """The result and the control.

    Attributes:
        result: The winner after its final training, or the reference.
        control: The original, trained for as many images as the winner's lineage; None without one.
        control_images: Images that its training saw, whether or not its weights were kept.
        augmentation: What the final training did to its images; None where there was none.
    """

    result: Candidate
    control: Candidate | None
    control_images: int
    augmentation: str | None = None


def train_finalists(
    outcome: SearchOutcome,
    reference: Candidate,
    subject: Subject,
    *,
    allowed: AllowedDrop,
    control: Control | None,
    pool: WorkerPool,
    settings: OptimizeSettings,
    seconds: float | None,
    num_train_images: int,
    observer: Observer,
) -> Finalists:
    """Trains the winner further and, beside it, the original for as many images as its lineage.

    A cheaper model that is expected to reach the allowed drop in the end goes before the winner;
    should it fail, the winner stays, and where no budget forbids is trained in its place. Weights
    from before the final training are kept where it made them worse on validation; the control is
    treated alike. Both have the recipe of all trainings.
    """
    train = partial(
        _train_beside_control,
        outcome=outcome,
        subject=subject,
        allowed=allowed,
        control=control,
        pool=pool,
        settings=settings,
        seconds=seconds,
        num_train_images=num_train_images,
        observer=observer,
    )
    elite, promising = outcome.elite, outcome.promising
    if promising is None:
        if elite.name == reference.name:
            return Finalists(reference, None, 0)
        return train(elite)
    observer.note(
        f"{promising.name} is cheaper than the best accepted model and may still come within the "
        "allowed drop, so it gets the final training."
    )
    finalists = train(promising)
    result = finalists.result
    if acceptable(result, elite=elite, floor=subject.floor, objective=settings.objective):
        return finalists
    observer.note(
        f"{result.name} reached {result.accuracy:.4f} on the validation images, below the required "
        f"{subject.floor + result.margin:.4f}. {elite.name} is kept."
    )
    if seconds is None and elite.name != reference.name:
        return train(elite)
    return replace(finalists, result=elite)


def _train_beside_control(
    finalist: Candidate,
    *,
    outcome: SearchOutcome,
    subject: Subject,
    allowed: AllowedDrop,
    control: Control | None,
    pool: WorkerPool,
    settings: OptimizeSettings,
    seconds: float | None,
    num_train_images: int,
    observer: Observer,
) -> Finalists:
    """The final training of one candidate, and the control's for as many images."""
    rounds = final_rounds(control=settings.control, workers=pool.at_once)
    if seconds is not None:
        seconds = max(0.0, seconds / rounds - scoring_seconds(subject, workers=pool.workers))
    rate = training_speed(subject, outcome.speed, finalist.cost.macs, workers=pool.workers)
    wanted = settings.most_final_epochs * num_train_images
    expected = wanted
    if seconds is not None:
        expected = final_images(seconds, rate=rate, overhead=0.0, wanted=wanted)
        wanted = min(wanted, math.ceil(MORE_THAN_EXPECTED * expected))
    num_images = round(wanted)
    tasks: list[TrainTask] = []
    augmentation = None
    if num_images > 0:
        task = training_task(
            finalist,
            subject,
            settings,
            num_images=num_images,
            num_train_images=num_train_images,
            seconds=seconds,
            expected_images=round(expected),
        )
        tasks.append(task)
        augmentation = task.augmentation.name
    begun = control is not None and control.begun
    if control is not None and not begun:
        lineage = finalist.images_trained + num_images
        tasks.append(control.task(lineage, seconds=seconds, expected_images=round(expected)))
    outcomes = list(pool.run(tasks))
    if control is not None and begun:
        outcomes.append(control.outcome())
    result, trained_control, control_images = finalist, None, 0
    for done in outcomes:
        if isinstance(done, FailedEvaluation):
            observer.note(f"The training of {done.name} failed: {done.message}")
        elif control is not None and done.name == CONTROL:
            trained_control = better_of(control.start, done, observer)
            control_images = done.images_trained
        else:
            better = better_of(finalist, done, observer)
            result = allowed.with_margin(better, bias=outcome.bias)
    return Finalists(result, trained_control, control_images, augmentation)


def with_best_statistics(
    finalists: Finalists,
    statistics: StatisticsChoice,
    *,
    allowed: AllowedDrop,
    bias: float,
    seconds: float | None,
    observer: Observer,
) -> Finalists:
    """Result and control with the batch-norm statistics that validation chooses."""
    result, control = finalists.result, finalists.control
    if not result.own_images:
        return finalists
    asked = [result] if control is None else [result, control]
    chosen, notes = statistics.of_trained(asked, seconds=seconds)
    for note in notes:
        observer.note(note)
    return replace(
        finalists,
        result=allowed.with_margin(chosen[0], bias=bias),
        control=None if control is None else chosen[1],
    )


def better_of(
    before: Candidate,
    done: Evaluated,
    observer: Observer,
    *,
    within: float = 0.0,
    images: str = "validation images",
) -> Candidate:
    """The candidate with its new weights, or with its old ones where training lowered accuracy.

    Args:
        before: The candidate.
        done: Its final training.
        observer: Hears that the old weights are kept.
        within: Accuracy that may be lost for all that, a fraction.
        images: What the images are called, on which accuracy is measured.
    """
    trained = after_training(before, done)
    if (trained.accuracy or 0.0) >= (before.accuracy or 0.0) - within:
        return trained
    observer.note(
        f"The final training made {before.name} less accurate on the {images}: "
        f"{before.accuracy:.4f} before, {trained.accuracy:.4f} after. The weights from before are "
        "kept."
    )
    return before
