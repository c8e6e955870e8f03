"""The control: the original, unpruned, trained for as many images as the result's lineage.

More training alone often raises accuracy, and that rise is not pruning's. Under a budget it is
begun as soon as cores wait that the search has no more use for, and ends when the time does, with
fewer images than the result where it must; the report tells how many.
"""

from dataclasses import replace

from prune_mi.config import OptimizeSettings
from prune_mi.evolution.lineage_images import lineage_images
from prune_mi.evolution.recipe import TrainingSpeed, training_task
from prune_mi.evolution.timing import MORE_THAN_EXPECTED, TimePlan, training_speed
from prune_mi.execution.pool import Handle
from prune_mi.execution.tasks import Outcome, TrainTask
from prune_mi.preparation.baseline import Baseline
from prune_mi.runs.run import Run
from prune_mi.search.candidate import Trained

CONTROL = "control"


class Control:
    """The training of a run's control.

    Args:
        run: The run under way.
        baseline: What the search started from, which the control is before its training.
        time_plan: When it must end.
    """

    def __init__(
        self,
        run: Run[OptimizeSettings],
        baseline: Baseline,
        time_plan: TimePlan,
    ) -> None:
        self._run = run
        self._baseline = baseline
        self._time = time_plan
        self._num_train = baseline.images.num_train
        self._task: TrainTask | None = None
        self._handle: Handle | None = None
        self.start = replace(baseline.start, name=CONTROL)

    def begin(self, elite: Trained, speed: TrainingSpeed | None) -> None:
        """Begins it on cores that wait, until trainings must end.

        Nothing is begun where there is no budget, whose end would end it, or but one worker; nor
        while a run that goes on has not come to where it was.
        """
        if self._run.log.is_replaying:
            return
        left, final = self._time.training_left(), self._time.final_seconds
        evaluations = self._run.evaluations
        if left is None or final is None or self.begun or evaluations.at_once == 1:
            return
        if self._run.settings.images == 0:
            return
        workers = evaluations.workers
        rate = training_speed(self._baseline, speed, elite.cost.macs, workers=workers)
        most = self._run.settings.most_final_epochs * self._num_train
        expected = round(min(rate * final, most))
        task = self.task(
            elite.images_trained + round(min(MORE_THAN_EXPECTED * rate * left, most)),
            seconds=left,
            expected_images=expected,
        )
        self._task, self._handle = task, self._run.evaluations.begin(task)

    def task(
        self, num_images: int, *, seconds: float | None, expected_images: int | None
    ) -> TrainTask:
        """Its training; nothing has hurt it, so it is trained at its lowest learning rate.

        Args:
            num_images: Images that it sees at most.
            seconds: Wall clock at most, or None.
            expected_images: Of the result's final training, whose images it sees varied alike.
        """
        num_images = lineage_images(self._run.settings).of_control(max(1, num_images))
        return training_task(
            self.start,
            self._baseline.profile,
            self._run.settings,
            num_images=num_images,
            num_train_images=self._num_train,
            seconds=seconds,
            damage=0.0,
            expected_images=expected_images,
        )

    @property
    def begun(self) -> bool:
        """Whether it is under way."""
        return self._handle is not None

    def outcome(self) -> Outcome:
        """Waits for the training that `begin` began."""
        if self._task is None or self._handle is None:
            raise ValueError("the control was not begun")
        handle, self._handle = self._handle, None
        return self._run.evaluations.outcome_of(self._task, handle)
