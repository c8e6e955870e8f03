"""The final training of the winner, beside the control."""

from dataclasses import dataclass

from prune_mi.config import OptimizeSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.graph.ir import LayerGraph
from prune_mi.records import Observer
from prune_mi.search.budget import final_images, final_rounds
from prune_mi.search.candidate import Candidate
from prune_mi.search.selection import acceptable
from prune_mi.stages.generations import SearchOutcome
from prune_mi.stages.recipe import after_training, training_task
from prune_mi.stages.roles import Subject


@dataclass(frozen=True, slots=True)
class Finalists:
    """The result and the control.

    Attributes:
        result: The winner after its final training, or the reference.
        control: The original trained for `control_images` images, or None.
    """

    result: Candidate
    control: LayerGraph | None
    control_val_accuracy: float
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
    should it fail, the winner stays. Weights from before the final training are kept where it made
    them worse on validation; the control is treated alike. Both have the recipe of all trainings;
    the control, which nothing has damaged, trains at its lowest learning rate.
    """
    elite = outcome.elite
    finalist = outcome.promising or elite
    if finalist is not elite:
        observer.note(
            f"{finalist.name} is cheaper than the best accepted model and still learning: it gets "
            "the final training."
        )
    if finalist.name == reference.name:
        return Finalists(reference, None, subject.val_accuracy, 0)
    if seconds is not None:
        seconds /= final_rounds(control=settings.control, workers=pool.workers)
    wanted = round(settings.final_epochs * num_train_images)
    if seconds is not None and outcome.speed is not None:
        wanted = final_images(
            seconds,
            images_so_far=finalist.images_trained,
            child_rate=outcome.speed.images_per_second(finalist.cost.macs),
            reference_rate=outcome.speed.images_per_second(reference.cost.macs),
            overhead=outcome.speed.overhead_seconds,
            wanted=wanted,
            control=settings.control,
        )
    tasks = []
    if wanted > 0:
        tasks.append(
            training_task(
                finalist,
                subject,
                settings,
                num_images=wanted,
                num_train_images=num_train_images,
                seconds=seconds,
            )
        )
    if settings.control:
        lineage = finalist.images_trained + wanted
        tasks.append(
            training_task(
                Candidate("control", reference.graph, reference.cost, "reference", (), ()),
                subject,
                settings,
                num_images=max(1, lineage),
                num_train_images=num_train_images,
                seconds=seconds,
                damage=0.0,
            )
        )
    result, control, control_accuracy, control_images = finalist, None, 0.0, 0
    for done in pool.run(tasks):
        if isinstance(done, FailedEvaluation):
            observer.note(f"The training of {done.name} failed: {done.message}")
        elif done.name == "control":
            control, control_accuracy, control_images = (
                done.graph,
                done.accuracy,
                done.images_trained,
            )
            if control_accuracy < subject.val_accuracy:
                control, control_accuracy = reference.graph, subject.val_accuracy
                observer.note(
                    f"Training the control on {control_images:,} images lowered its validation "
                    f"accuracy from {subject.val_accuracy:.4f} to {done.accuracy:.4f}: the control "
                    "is the original as it was."
                )
        else:
            trained = after_training(finalist, done)
            if (trained.accuracy or 0.0) >= (finalist.accuracy or 0.0):
                result = trained
            else:
                observer.note(
                    f"Final training lowered validation accuracy from {finalist.accuracy:.4f} to "
                    f"{trained.accuracy:.4f}; the weights from before it are kept."
                )
    floor = subject.val_accuracy - settings.max_accuracy_drop
    if finalist is not elite and not acceptable(
        result, elite=elite, floor=floor, objective=settings.objective
    ):
        observer.note(
            f"{finalist.name} ended at {result.accuracy:.4f} on validation, below the allowed "
            f"{floor:.4f}; {elite.name} is kept."
        )
        result = elite
    return Finalists(result, control, control_accuracy, control_images)
