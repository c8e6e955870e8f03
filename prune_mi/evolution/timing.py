"""What the parts of a run will take, estimated from how fast the original is evaluated."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from prune_mi.config import OptimizeSettings
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.baseline import Baseline
from prune_mi.search.budget import final_rounds, search_seconds
from prune_mi.search.candidate import Proposed

WRITING_SECONDS = 5.0
MORE_THAN_EXPECTED = 50  # times: images of a training that the clock is to end, not their number
_BUILD_SECONDS_A_NODE = 0.015
_COMPILE_SECONDS_A_NODE = 0.12
_TEACHER_SHARE = 0.08
_STATISTICS_SHARE, _LAST_STATISTICS_SHARE = 0.05, 0.02
_ASKING_SPEED = 2.0  # times that of training, which goes through a network three times


@dataclass(frozen=True, slots=True)
class TimePlan:
    """What the search must know of the run's time, in seconds.

    Attributes:
        run_end: When the budget is spent, on the monotonic clock; None without a budget.
        training_end: When trainings must end, likewise.
        search_end: When the final training is to begin, likewise.
        final_seconds: For the final training of the winner; None without a budget.
        generation_overhead: First guess of what a generation spends beside training.
        compile_seconds: The same of one training, beside its steps.
    """

    run_end: float | None
    training_end: float | None
    search_end: float | None
    final_seconds: float | None
    generation_overhead: float
    compile_seconds: float

    def run_left(self) -> float | None:
        """What is left of the budget."""
        return None if self.run_end is None else max(0.0, self.run_end - time.monotonic())

    def training_left(self) -> float | None:
        """What is left of it for trainings that begin now."""
        if self.training_end is None:
            return None
        return max(0.0, self.training_end - time.monotonic())


def plan_time(
    available: float | None,
    closing: float,
    baseline: Baseline,
    settings: OptimizeSettings,
    *,
    workers: int,
) -> TimePlan:
    """Shares what is left between search and final training."""
    rounds = final_rounds(control=settings.control, workers=workers)
    search = search_seconds(available, rounds=rounds)
    scoring = scoring_seconds(baseline, workers=workers)
    now = time.monotonic()
    return TimePlan(
        run_end=None if available is None else now + available + closing,
        training_end=None if available is None else now + available - scoring,
        search_end=None if search is None else now + search,
        final_seconds=None
        if available is None or search is None
        else (available - search) / rounds,
        generation_overhead=generation_overhead(baseline, settings, workers=workers),
        compile_seconds=len(baseline.profile.graph.nodes) * _COMPILE_SECONDS_A_NODE + scoring,
    )


def scoring_seconds(baseline: Baseline, *, workers: int) -> float:
    """What one worker takes to score a model on all validation images."""
    return len(baseline.roles.validation) / baseline.images_per_second * workers


def training_speed(
    baseline: Baseline, speed: TrainingSpeed | None, macs: int, *, workers: int
) -> float:
    """Images a second that one worker is expected to train a network of so many MACs on."""
    if speed is not None:
        return speed.images_per_second(macs)
    return baseline.images_per_second / workers / _ASKING_SPEED


def closing_seconds(
    baseline: Baseline, settings: OptimizeSettings, *, recalibrated: bool = True
) -> float:
    """Comparing statistics once more, measuring models on the test set, and writing the files.

    Args:
        baseline: The original; how fast it was asked is a guide.
        settings: The run's settings.
        recalibrated: Whether the original has other statistics, or may get them, and is measured
            with them beside the result and the control.
    """
    models = 1 + settings.control + recalibrated
    compiling = len(baseline.profile.graph.nodes) * _COMPILE_SECONDS_A_NODE / 2  # forward alone
    num_images = len(baseline.data.y_test)
    measuring = models * (num_images / baseline.images_per_second + compiling)
    comparing = last_statistics_seconds(settings.budget) or 0.0
    return measuring + comparing + closing_build_seconds(baseline.profile.graph)


def statistics_seconds(budget_seconds: float | None) -> float | None:
    """For comparing the original's batch-norm statistics before the search."""
    return None if budget_seconds is None else _STATISTICS_SHARE * budget_seconds


def last_statistics_seconds(budget_seconds: float | None) -> float | None:
    """For comparing those of the result and the control in the end."""
    return None if budget_seconds is None else _LAST_STATISTICS_SHARE * budget_seconds


def closing_build_seconds(graph: LayerGraph) -> float:
    """What building and writing the models at the end takes, whatever the number of images."""
    return 4 * build_seconds(graph) + WRITING_SECONDS


def build_seconds(graph: LayerGraph) -> float:
    """What making a model of a graph takes."""
    return _BUILD_SECONDS_A_NODE * len(graph.nodes)


def search_closing_seconds(
    members: Sequence[Proposed],
    reference: Proposed,
    baseline: Baseline,
    *,
    num_images: int,
    speed: TrainingSpeed | None,
    workers: int,
) -> float:
    """Asking what a search ends with about the test images, and writing the files.

    Args:
        members: The best network, and the others of an ensemble.
        reference: What the search began with; it is asked where it has not been yet.
        baseline: The same, measured; where nothing was trained, how fast it was asked is a guide.
        num_images: The test images.
        speed: Of trainings so far, or None.
        workers: Processes that share the images.
    """
    asked = list(members[:1])
    if len(members) > 1:
        asked += [*members, *members]  # about the validation images, too
    if baseline.test_outputs is None:
        asked.append(reference)
    seconds = WRITING_SECONDS
    for each in asked:
        rate = baseline.images_per_second * min(1.0, reference.cost.macs / max(1, each.cost.macs))
        if speed is not None:
            rate = _ASKING_SPEED * speed.images_per_second(each.cost.macs) * workers
        seconds += num_images / rate if rate > 0 else 0.0
        seconds += _BUILD_SECONDS_A_NODE * len(each.graph.nodes)
    return seconds


def generation_overhead(baseline: Baseline, settings: OptimizeSettings, *, workers: int) -> float:
    """Ranking, repairing and screening all children, and compiling a training.

    A pass in training mode, as recalibration makes, is counted as two.
    """
    screening = min(settings.screening_images, len(baseline.roles.validation))
    calibration = min(settings.calibration_images, len(baseline.roles.train))
    images_a_child = 2 * calibration + screening
    passes = settings.children * images_a_child + settings.ranking.num_samples
    builds = 3 * settings.children / workers * _BUILD_SECONDS_A_NODE
    nodes = len(baseline.profile.graph.nodes)
    return passes / baseline.images_per_second + nodes * (builds + _COMPILE_SECONDS_A_NODE)


def teacher_images(budget_seconds: float | None, images_per_second: float) -> int | None:
    """Training images that the original can be asked about in its share of the budget."""
    if budget_seconds is None:
        return None
    return int(_TEACHER_SHARE * budget_seconds * images_per_second)
