"""Final trainings as they end: whose weights are kept, and what the user is told of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prune_mi.delivery.control import CONTROL
from prune_mi.evolution.recipe import after_training
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, Outcome
from prune_mi.records import Observer
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Trained

Tolerated = Callable[[Trained, Evaluated], float]


@dataclass(frozen=True, slots=True)
class Finalists:
    """What a run hands out, after the final training.

    Attributes:
        result: The winner, or what the search started from.
        control: Of pruning: the original, trained for as many images as the winner's lineage; None
            without one.
        control_images: Images that its training saw, whether or not its weights were kept.
        augmentation: What the final training did to its images; None where there was none.
        closest: Of pruning under targets that nothing has met: the nearest to them.
        missed: Of pruning: what was to be the result, and missed the allowed drop after its final
            training.
        points: Of pruning: other points of the frontier that got the final training, too.
        members: Of growing: the result, and the other networks of an average.
        images, training_s: What the final trainings saw, and what their steps took.
    """

    result: Trained
    control: Trained | None = None
    control_images: int = 0
    augmentation: str | None = None
    closest: Trained | None = None
    missed: Trained | None = None
    points: tuple[Trained, ...] = ()
    members: tuple[Trained, ...] = ()
    images: int = 0
    training_s: float = 0.0


@dataclass(slots=True)
class Trainings:
    """Final trainings as they end.

    Attributes:
        after: The networks by name, with the better weights.
        seen: Images that each training saw that came to its end.
        images, step_seconds: What all of them saw, and what their steps took.
    """

    after: dict[str, Trained]
    seen: dict[str, int] = field(default_factory=dict)
    images: int = 0
    step_seconds: float = 0.0


def finally_trained(
    before: Mapping[str, Trained],
    outcomes: Iterable[Outcome],
    observer: Observer,
    *,
    tolerated: Tolerated = lambda before, after: 0.0,
    images: str = "validation images",
) -> Trainings:
    """Networks with their new weights, or with their old ones where training lowered accuracy.

    Args:
        before: The networks by name.
        outcomes: Of their final trainings.
        observer: Hears of failures, and of old weights that are kept.
        tolerated: Accuracy that a network may lose for all that, a fraction.
        images: What the images are called, on which accuracy is measured.
    """
    found = Trainings(dict(before))
    for done in outcomes:
        found.images += done.images_trained
        found.step_seconds += done.step_seconds
        if isinstance(done, FailedEvaluation):
            observer.note(f"The training of {done.name} failed: {done.message}")
            continue
        found.seen[done.name] = done.images_trained
        old = before[done.name]
        new = after_training(old, done)
        if new.quality >= old.quality - tolerated(old, done):
            found.after[done.name] = new
            continue
        observer.note(
            f"The final training made {old.name} less accurate on the {images}: "
            f"{old.quality:.4f} before, {new.quality:.4f} after. The weights from before are "
            "kept."
        )
    return found


def too_late(run: Run[Any], seconds: float | None) -> str | None:
    """Why no final training is begun where a run goes on whose budget is spent; else None."""
    if not run.resumes or seconds is None or seconds > 0:
        return None
    return "the time budget is spent"


def few_images(seen: Mapping[str, int], num_train: int) -> Iterator[str]:
    """A sentence for each final training that the clock has ended within its first pass."""
    for name, images in seen.items():
        if images < num_train:
            what = "the control" if name == CONTROL else name
            yield (
                f"The final training of {what} saw only {images:,} images, less than one pass over "
                f"the {num_train:,} training images: the time budget left no more. A larger "
                "--budget would make it better."
            )
