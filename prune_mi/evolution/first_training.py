"""The first training of a seed, as long as a child's, which makes it something to start from."""

from dataclasses import dataclass, replace

from prune_mi.config import SearchSettings
from prune_mi.data import Dataset
from prune_mi.errors import RunError
from prune_mi.evolution.recipe import TrainingSpeed, after_training, measured_speed, training_task
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.graph.interface.packing import pack
from prune_mi.preparation.baseline import Baseline, share_images, share_targets
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.roles import search_roles
from prune_mi.runs.run import Run
from prune_mi.search.candidate import untrained


@dataclass(frozen=True, slots=True)
class FirstTraining:
    """What it took: images that it saw, what its steps took, and how fast it was."""

    images: int
    seconds: float
    speed: TrainingSpeed | None


def trained_seed(
    profile: Profile, data: Dataset, run: Run[SearchSettings], *, seconds: float | None
) -> tuple[Baseline, FirstTraining]:
    """The seed after its first training, and what the search works on.

    Args:
        profile: The seed's.
        data: All images.
        run: The run under way.
        seconds: Wall clock of the training, or None.

    Raises:
        DataError: If a split is too small for its role.
        RunError: If the training failed.
    """
    settings, pool = run.settings, run.pool
    roles = search_roles(data, settings)
    run.notes.note(roles.description)
    images = share_images(data, roles, settings, pool=pool)
    share_targets(profile.graph, profile, images, settings, pool=pool)
    seed = untrained(profile.graph)
    task = training_task(
        seed,
        profile,
        settings,
        num_images=max(1, round(settings.child_epochs * images.num_train)),
        num_train_images=images.num_train,
        seconds=seconds,
        seconds_in_all=seconds,
        damage=0.0,
    )
    outcome = next(iter(run.evaluations.run([task])))
    if isinstance(outcome, FailedEvaluation):
        raise RunError(
            f"the first network could not be trained: {outcome.message}; check the values in "
            "the data, or try a lower learning rate"
        )
    given = after_training(seed, outcome)
    profile = replace(profile, packing=pack(outcome.graph))
    baseline = Baseline(profile, data, images, given, given, None, 0.0)
    speed = measured_speed(given, outcome, None)
    return baseline, FirstTraining(outcome.images_trained, outcome.step_seconds, speed)
