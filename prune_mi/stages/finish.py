"""The final training of the winner, beside the control."""

from dataclasses import dataclass, replace
from functools import partial

from prune_mi.config import OptimizeSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, TrainTask
from prune_mi.records import Observer
from prune_mi.search.budget import final_images, final_rounds
from prune_mi.search.candidate import Candidate
from prune_mi.search.selection import acceptable
from prune_mi.stages.generations import SearchOutcome
from prune_mi.stages.recipe import TrainingSpeed, after_training, training_task
from prune_mi.stages.roles import Subject

_CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Finalists:
    """The result and the control.

    Attributes:
        result: The winner after its final training, or the reference.
        control: The original, trained for as many images as the winner's lineage; None without one.
        control_images: Images that its training saw, whether or not its weights were kept.
    """

    result: Candidate
    control: Candidate | None
    control_images: int


def train_finalists(
    outcome: SearchOutcome,
    reference: Candidate,
    subject: Subject,
    *,
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
    treated alike. Both have the recipe of all trainings; the control, which nothing has damaged,
    trains at its lowest learning rate.
    """
    train = partial(
        _train_beside_control,
        reference=reference,
        speed=outcome.speed,
        subject=subject,
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
        f"{promising.name} is cheaper than the best accepted model and still learning: it gets "
        "the final training."
    )
    finalists = train(promising)
    result = finalists.result
    if acceptable(result, elite=elite, floor=subject.floor, objective=settings.objective):
        return finalists
    observer.note(
        f"{result.name} ended at {result.accuracy:.4f} on validation, below the allowed "
        f"{subject.floor:.4f}; {elite.name} is kept."
    )
    if seconds is None and elite.name != reference.name:
        return train(elite)
    return replace(finalists, result=elite)


def _train_beside_control(
    finalist: Candidate,
    *,
    reference: Candidate,
    speed: TrainingSpeed | None,
    subject: Subject,
    pool: WorkerPool,
    settings: OptimizeSettings,
    seconds: float | None,
    num_train_images: int,
    observer: Observer,
) -> Finalists:
    """The final training of one candidate, and the control's for as many images."""
    tasks = _trainings(
        finalist,
        reference,
        speed,
        subject,
        settings,
        seconds=None
        if seconds is None
        else seconds / final_rounds(control=settings.control, workers=pool.workers),
        num_train_images=num_train_images,
    )
    result, control, control_images = finalist, None, 0
    for done in pool.run(tasks):
        if isinstance(done, FailedEvaluation):
            observer.note(f"The training of {done.name} failed: {done.message}")
        elif done.name == _CONTROL:
            control = better_of(replace(reference, name=_CONTROL), done, observer)
            control_images = done.images_trained
        else:
            result = better_of(finalist, done, observer)
    return Finalists(result, control, control_images)


def _trainings(
    finalist: Candidate,
    reference: Candidate,
    speed: TrainingSpeed | None,
    subject: Subject,
    settings: OptimizeSettings,
    *,
    seconds: float | None,
    num_train_images: int,
) -> list[TrainTask]:
    """The final training, where there is time for one, and the control's."""
    wanted = round(settings.final_epochs * num_train_images)
    if seconds is not None and speed is not None:
        wanted = final_images(
            seconds,
            images_so_far=finalist.images_trained,
            child_rate=speed.images_per_second(finalist.cost.macs),
            reference_rate=speed.images_per_second(reference.cost.macs),
            overhead=speed.overhead_seconds,
            wanted=wanted,
            control=settings.control,
        )
    task = partial(
        training_task,
        subject=subject,
        settings=settings,
        num_train_images=num_train_images,
        seconds=seconds,
    )
    tasks = [task(finalist, num_images=wanted)] if wanted > 0 else []
    if settings.control:
        lineage = max(1, finalist.images_trained + wanted)
        tasks.append(task(replace(reference, name=_CONTROL), num_images=lineage, damage=0.0))
    return tasks


def better_of(
    before: Candidate, done: Evaluated, observer: Observer, *, within: float = 0.0
) -> Candidate:
    """The candidate with its new weights, or with its old ones where training lowered accuracy.

    Args:
        before: The candidate.
        done: Its final training.
        observer: Hears that the old weights are kept.
        within: Accuracy that may be lost for all that, a fraction.
    """
    trained = after_training(before, done)
    if (trained.accuracy or 0.0) >= (before.accuracy or 0.0) - within:
        return trained
    observer.note(
        f"The final training made {before.name} less accurate on the validation images: "
        f"{trained.accuracy:.4f} after it, {before.accuracy:.4f} before; it is kept as it was."
    )
    return before
