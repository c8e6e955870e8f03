"""The final training of pruning: of the winner, beside the control and other points."""

import math
from dataclasses import replace

from prune_mi.config import OptimizeSettings
from prune_mi.costs.dominance import spread
from prune_mi.costs.objective import Objective
from prune_mi.delivery.control import CONTROL, Control
from prune_mi.delivery.trainings import Finalists, few_images, finally_trained, too_late
from prune_mi.evolution.limits import AllowedDrop
from prune_mi.evolution.lineage_images import most_final_images
from prune_mi.evolution.recipe import damage_of, training_task
from prune_mi.evolution.strategy import Evolved
from prune_mi.evolution.timing import MORE_THAN_EXPECTED, scoring_seconds, training_speed
from prune_mi.execution.tasks import TrainTask
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.statistics import StatisticsChoice
from prune_mi.runs.run import Run
from prune_mi.search.budget import final_images, final_rounds
from prune_mi.search.candidate import Trained
from prune_mi.search.selection import acceptable, is_fit


class FinalTraining:
    """Trains the winner of pruning further and, beside it, the original for as many images.

    Weights from before are kept where the training made them worse on validation; the control is
    treated alike. Both have the recipe of all trainings.

    Args:
        run: The run under way.
        evolved: Where the search ended.
        baseline: What it started from.
        allowed: What may be lost.
        objective: What a result must be.
        control: The control, which may be under way; None without one.
    """

    def __init__(
        self,
        run: Run[OptimizeSettings],
        evolved: Evolved,
        baseline: Baseline,
        *,
        allowed: AllowedDrop,
        objective: Objective,
        control: Control | None,
    ) -> None:
        self._run = run
        self._evolved = evolved
        self._baseline = baseline
        self._allowed = allowed
        self._objective = objective
        self._control = control

    def run(self, seconds: float | None) -> Finalists:
        """Trains; `seconds` is the wall clock for it, or None.

        A cheaper model that is expected to reach the allowed drop in the end goes before the
        winner; should it fail, the winner stays, and is trained in its place: beside it where a
        worker would wait, and afterwards where there is no budget. Under targets the result is the
        best of all that were trained.
        """
        return self._best_of_trained(self._trained(seconds))

    def _best_of_trained(self, finalists: Finalists) -> Finalists:
        """Under targets, the finalists with the best of them as the result."""
        if not self._objective.targets:
            return finalists
        bias = self._evolved.bias
        points = [self._allowed.with_margin(each, bias=bias) for each in finalists.points]
        chosen = chosen_again(
            replace(finalists, points=tuple(points)), floor=self._floor, objective=self._objective
        )
        if chosen.result.name != finalists.result.name:
            self._run.notes.note(
                f"After the final training {chosen.result.name} is the most accurate model under "
                f"the target: {chosen.result.quality:.4f} on the validation images, and not "
                f"{finalists.result.name}. It is the result."
            )
        return chosen

    def _trained(self, seconds: float | None) -> Finalists:
        elite, promising = self._evolved.elite, self._evolved.promising
        start = self._baseline.start
        if promising is None:
            return Finalists(start) if elite.name == start.name else self._train(elite, seconds)
        num_train = self._baseline.images.num_train
        if most_final_images(self._run.settings, promising, num_train) > 0:
            self._run.notes.note(self._why(promising))
        finalists = self._train(promising, seconds)
        result = finalists.result
        floor = self._floor
        if acceptable(result, elite=elite, floor=floor, objective=self._objective):
            asked = {each.name for each in self._others(promising)}
            points = tuple(each for each in finalists.points if each.name in asked)
            return replace(finalists, points=points)
        if self._objective.is_feasible(result.cost):
            self._run.notes.note(
                f"{result.name} reached {result.quality:.4f} on the validation images, below the "
                f"required {floor + result.margin:.4f}. {elite.name} is kept, and {result.name} "
                "stays among the models found."
            )
        trained = {each.name: each for each in finalists.points}
        if elite.name in trained:
            kept = self._allowed.with_margin(trained.pop(elite.name), bias=self._evolved.bias)
            return replace(finalists, result=kept, missed=result, points=tuple(trained.values()))
        if seconds is None and elite.name != start.name:
            return replace(self._train(elite, seconds), missed=result)
        closest = result if self._objective.targets and elite.name == start.name else None
        return replace(finalists, result=elite, closest=closest, missed=result)

    @property
    def _floor(self) -> float:
        """The lowest accuracy on validation images that a result may have, its margin apart."""
        limit = self._allowed.limit
        return -math.inf if limit is None else self._baseline.judged_by.quality - limit

    def _why(self, promising: Trained) -> str:
        if not self._objective.targets:
            return (
                f"{promising.name} is cheaper than the best accepted model and may still come "
                "within the allowed drop, so it gets the final training."
            )
        if not self._objective.is_feasible(promising.cost):
            return (
                f"No model came under the target. {promising.name} is the nearest, so it gets the "
                "final training."
            )
        return (
            f"{promising.name} is under the target and may still come within the allowed drop, so "
            "it gets the final training."
        )

    def with_best_statistics(
        self, finalists: Finalists, choice: StatisticsChoice, *, seconds: float | None
    ) -> Finalists:
        """Result, points and control with the batch-norm statistics that validation chooses."""
        result, control, bias = finalists.result, finalists.control, self._evolved.bias
        if not result.own_images:
            return finalists
        asked = [result, *finalists.points]
        chosen, notes = choice.of_trained(
            [*asked, *([control] if control else [])], seconds=seconds
        )
        for note in notes:
            self._run.notes.note(note)
        result, *points = (
            self._allowed.with_margin(each, bias=bias) for each in chosen[: len(asked)]
        )
        control = None if control is None else chosen[-1]
        return replace(finalists, result=result, points=tuple(points), control=control)

    def _images(self, finalist: Trained, seconds: float | None) -> list[int]:
        """Images that a training in so much time is given at most, and those expected."""
        num_train = self._baseline.images.num_train
        wanted = most_final_images(self._run.settings, finalist, num_train)
        if seconds is None:
            return [round(wanted), round(wanted)]
        rate = training_speed(
            self._baseline,
            self._evolved.speed,
            finalist.cost.macs,
            workers=self._run.evaluations.workers,
        )
        expected = final_images(seconds, rate=rate, overhead=0.0, wanted=wanted)
        return [round(min(wanted, math.ceil(MORE_THAN_EXPECTED * expected))), expected]

    def _train(self, finalist: Trained, seconds: float | None) -> Finalists:
        settings, pool, control = self._run.settings, self._run.evaluations, self._control
        num_train = self._baseline.images.num_train
        others = self._others(finalist)
        rounds = final_rounds(
            control=settings.control, workers=pool.at_once, points=1 + len(others)
        )
        if seconds is not None:
            scoring = scoring_seconds(self._baseline, workers=pool.workers)
            seconds = max(0.0, seconds / rounds - scoring)
            idle = rounds * pool.at_once - 1 - len(others) - settings.control
            others += self._fallback(finalist, others, idle=idle)
        num_images, expected = self._run.log.decided(
            f"images of the final training of {finalist.name}",
            lambda: self._images(finalist, seconds),
        )
        tasks, augmentation = [], None
        if num_images > 0:
            task = training_task(
                finalist,
                self._baseline.profile,
                settings,
                num_images=num_images,
                num_train_images=num_train,
                seconds=seconds,
                damage=damage_of(finalist, self._baseline),
                expected_images=expected,
            )
            tasks.append(task)
            augmentation = task.augmentation.name
        tasks += [self._task_of(each, seconds) for each in others]
        begun = control is not None and control.begun
        lineage = finalist.images_trained + num_images
        if control is not None and not begun and (lineage or settings.images is None):
            tasks.append(control.task(lineage, seconds=seconds, expected_images=expected))
        before = {each.name: each for each in (finalist, *others)}
        if control is not None:
            before[CONTROL] = control.start
        outcomes = list(pool.run(tasks, too_late=too_late(self._run, seconds)))
        if control is not None and begun:
            outcomes.append(control.outcome())
        done = finally_trained(before, outcomes, self._run.notes)
        clock_decides = seconds is not None and self._run.settings.images is None
        for note in few_images(done.seen, num_train) if clock_decides else ():
            self._run.notes.note(note)
        result = done.after[finalist.name]
        if finalist.name in done.seen:
            result = self._allowed.with_margin(result, bias=self._evolved.bias)
        return Finalists(
            result,
            done.after[CONTROL] if CONTROL in done.seen else None,
            done.seen.get(CONTROL, 0),
            augmentation,
            points=tuple(done.after[each.name] for each in others),
        )

    def _others(self, finalist: Trained) -> list[Trained]:
        """Other points that get the final training, spread over what they cost."""
        start = self._baseline.start
        points = [
            each
            for each in self._evolved.frontier
            if each.lineage and each.name != finalist.name and self._objective.amount(each.cost)
        ]
        return spread(
            points,
            self._run.settings.points - 1,
            lambda each: self._objective.amount(each.cost),
            beside=[self._objective.amount(each.cost) for each in (start, finalist)],
        )

    def _fallback(self, finalist: Trained, others: list[Trained], *, idle: int) -> list[Trained]:
        """The winner, where another model gets its training and may fail, and a worker is idle."""
        elite = self._evolved.elite
        known = {self._baseline.start.name, finalist.name, *(each.name for each in others)}
        if elite.name in known:
            return []
        beside = self._run.log.decided(
            f"the final training of {elite.name} beside that of {finalist.name}", lambda: idle > 0
        )
        return [elite] if beside else []

    def _task_of(self, point: Trained, seconds: float | None) -> TrainTask:
        """The final training of another point."""
        num_images, expected = self._run.log.decided(
            f"images of the final training of {point.name}", lambda: self._images(point, seconds)
        )
        return training_task(
            point,
            self._baseline.profile,
            self._run.settings,
            num_images=num_images,
            num_train_images=self._baseline.images.num_train,
            seconds=seconds,
            damage=damage_of(point, self._baseline),
            expected_images=expected,
        )


def chosen_again(finalists: Finalists, *, floor: float, objective: Objective) -> Finalists:
    """Finalists of which the best trained model that may be the result is it.

    Args:
        finalists: The points with their margins.
        floor: The lowest accuracy on validation images that a result may have, its margin apart.
        objective: With targets.
    """
    result = finalists.result
    fit = [each for each in finalists.points if is_fit(each, floor=floor, objective=objective)]
    best = min((result, *fit), key=lambda each: objective.key(each.cost, each.quality))
    if best is result:
        return finalists
    others = [each for each in finalists.points if each is not best]
    others += [result] if result.lineage else []
    return replace(finalists, result=best, points=tuple(others), closest=None)
