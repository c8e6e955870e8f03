"""What the parts of a run will take, estimated from how fast the original is evaluated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prune_mi.config import OptimizeSettings
from prune_mi.evolution.recipe import TrainingSpeed
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.baseline import Baseline
from prune_mi.runs.run import Run
from prune_mi.search.budget import Budget, search_seconds
from prune_mi.search.candidate import Proposed

WRITING_SECONDS = 5.0
MORE_THAN_EXPECTED = 50  # times: images of a training that the clock is to end, not their number
_BUILD_SECONDS_A_NODE = 0.015
COMPILE_SECONDS_A_NODE = 0.12
_TEACHER_SHARE = 0.08
_STATISTICS_SHARE, _LAST_STATISTICS_SHARE = 0.05, 0.02
_ASKING_SPEED = 2.0  # times that of training, which goes through a network three times


@dataclass(frozen=True, slots=True)
class TimePlan:
    """How a run's time is shared between search and final training; times are in seconds.

    Attributes:
        budget: The run's clock; a run that goes on may have another budget than before.
        began: When the search began, or went on with other settings, on that clock.
        closing: What measuring and writing at the end is expected to take.
        rounds: How often the final training's time is needed, see `final_rounds`.
        scoring: What scoring a model takes.
        generation_overhead: First guess of what a generation spends beside training.
        compile_seconds: The same of one training, beside its steps.
    """

    budget: Budget
    began: Callable[[], float]
    closing: float
    rounds: int
    scoring: float
    generation_overhead: float
    compile_seconds: float

    @property
    def final_seconds(self) -> float | None:
        """For the final training of the winner; None without a budget."""
        available, search = self._available, search_seconds(self._available, rounds=self.rounds)
        return None if available is None or search is None else (available - search) / self.rounds

    def search_left(self) -> float | None:
        """What is left before the final training is to begin; may be negative."""
        search = search_seconds(self._available, rounds=self.rounds)
        return None if search is None else self.began() + search - self.budget.elapsed()

    def training_left(self) -> float | None:
        """What is left for trainings that begin now."""
        left = self.budget.remaining()
        return None if left is None else max(0.0, left - self.closing - self.scoring)

    @property
    def _available(self) -> float | None:
        total = self.budget.total
        return None if total is None else max(0.0, total - self.began() - self.closing)


def plan_time(
    budget: Budget,
    began: Callable[[], float],
    closing: float,
    baseline: Baseline,
    settings: OptimizeSettings,
    *,
    rounds: int,
    workers: int,
) -> TimePlan:
    """Shares what is left between search and final training; see `TimePlan`."""
    scoring = scoring_seconds(baseline, workers=workers)
    nodes = len(baseline.profile.graph.nodes)
    return TimePlan(
        budget=budget,
        began=began,
        closing=closing,
        rounds=rounds,
        scoring=scoring,
        generation_overhead=generation_overhead(baseline, settings, workers=workers),
        compile_seconds=nodes * COMPILE_SECONDS_A_NODE + scoring,
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
    models = settings.points + settings.control + recalibrated
    compiling = len(baseline.profile.graph.nodes) * COMPILE_SECONDS_A_NODE / 2  # forward alone
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
    passes = settings.least_children * images_a_child + settings.ranking.num_samples
    builds = 3 * settings.least_children / workers * _BUILD_SECONDS_A_NODE
    nodes = len(baseline.profile.graph.nodes)
    return passes / baseline.images_per_second + nodes * (builds + COMPILE_SECONDS_A_NODE)


def teacher_images(budget_seconds: float | None, images_per_second: float) -> int | None:
    """Training images that the original can be asked about in its share of the budget."""
    if budget_seconds is None:
        return None
    return int(_TEACHER_SHARE * budget_seconds * images_per_second)


def asks_twice(run: Run[Any], baseline: Baseline) -> bool:
    """Whether that share is enough to ask about each training image and its mirror image."""

    def is_enough() -> bool:
        most = teacher_images(run.budget.total, baseline.images_per_second)
        return most is None or most >= 2 * baseline.images.num_train

    decided: bool = run.log.decided("time to ask about mirror images", is_enough)
    return decided
