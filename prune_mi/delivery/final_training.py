"""The final training: of the winner beside the control, or of a found network and others."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prune_mi.config import OptimizeSettings, SearchSettings
from prune_mi.costs.dominance import spread
from prune_mi.costs.objective import Objective
from prune_mi.delivery.control import CONTROL, Control
from prune_mi.evolution.limits import AllowedDrop
from prune_mi.evolution.lineage_images import lineage_images
from prune_mi.evolution.recipe import after_training, damage_of, training_task
from prune_mi.evolution.strategy import Evolved
from prune_mi.evolution.timing import MORE_THAN_EXPECTED, scoring_seconds, training_speed
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, Outcome, TrainTask
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.statistics import StatisticsChoice
from prune_mi.records import Observer
from prune_mi.runs.run import Run
from prune_mi.search.budget import final_images, final_rounds
from prune_mi.search.candidate import Trained
from prune_mi.search.selection import acceptable, is_fit, standard_error

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
        points: Of pruning: other points of the frontier that got the final training, too.
        members: Of growing: the result, and the other networks of an average.
        images, training_s: What the final trainings saw, and what their steps took.
    """

    result: Trained
    control: Trained | None = None
    control_images: int = 0
    augmentation: str | None = None
    closest: Trained | None = None
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
        winner; should it fail, the winner stays, and where no budget forbids is trained in its
        place. Under targets the result is the best of all that were trained.
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
        self._run.notes.note(self._why(promising))
        finalists = self._train(promising, seconds)
        result = finalists.result
        floor = self._floor
        if acceptable(result, elite=elite, floor=floor, objective=self._objective):
            return finalists
        if self._objective.is_feasible(result.cost):
            self._run.notes.note(
                f"{result.name} reached {result.quality:.4f} on the validation images, below the "
                f"required {floor + result.margin:.4f}. {elite.name} is kept."
            )
        trained = {each.name: each for each in finalists.points}
        if elite.name in trained:
            kept = self._allowed.with_margin(trained.pop(elite.name), bias=self._evolved.bias)
            return replace(finalists, result=kept, points=tuple(trained.values()))
        if seconds is None and elite.name != start.name:
            return self._train(elite, seconds)
        closest = result if self._objective.targets and elite.name == start.name else None
        return replace(finalists, result=elite, closest=closest)

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
        """Result and control with the batch-norm statistics that validation chooses."""
        result, control = finalists.result, finalists.control
        if not result.own_images:
            return finalists
        asked = [result] if control is None else [result, control]
        chosen, notes = choice.of_trained(asked, seconds=seconds)
        for note in notes:
            self._run.notes.note(note)
        return replace(
            finalists,
            result=self._allowed.with_margin(chosen[0], bias=self._evolved.bias),
            control=None if control is None else chosen[1],
        )

    def _images(self, finalist: Trained, seconds: float | None) -> list[int]:
        """Images that a training in so much time is given at most, and those expected."""
        wanted = self._run.settings.most_final_epochs * self._baseline.images.num_train
        wanted = lineage_images(self._run.settings).of_final(finalist, wanted)
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
        outcomes = list(pool.run(tasks, too_late=_too_late(self._run, seconds)))
        if control is not None and begun:
            outcomes.append(control.outcome())
        done = finally_trained(before, outcomes, self._run.notes)
        clock_decides = seconds is not None and self._run.settings.images is None
        for note in _few_images(done.seen, num_train) if clock_decides else ():
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


def train_members(
    run: Run[SearchSettings], evolved: Evolved, baseline: Baseline, *, seconds: float | None
) -> Finalists:
    """Trains the best model that was grown, and the other members of an average, to the end.

    A model that the final training made worse on validation by more than a standard error, or no
    better than the start, keeps its weights from before. (What was chosen for its accuracy among
    many owes some of it to chance, which no training gives back: on 300 digits, 60 of which
    validated, 5 seeds, the final training raised test accuracy each time, and lowered that of
    validation twice.)

    Args:
        run: The run under way.
        evolved: Where the search ended.
        baseline: What it started from.
        seconds: Wall clock for all of it, or None.
    """
    settings, pool, observer = run.settings, run.evaluations, run.notes
    members = members_of(evolved, settings.ensemble)
    if len(members) < settings.ensemble:
        observer.note(
            f"The average has {len(members)} of the {settings.ensemble} networks asked for "
            "(--ensemble): no more networks that differ in structure were found."
        )
    waves = math.ceil(len(members) / pool.workers)
    beside_steps = 0.0 if evolved.speed is None else evolved.speed.overhead_seconds
    no_time = run.log.decided(
        "no time for a final training",
        lambda: seconds is not None and seconds / waves <= beside_steps,
    )
    if no_time:
        observer.note("The time budget leaves no time for a final training of the best network.")
        return Finalists(members[0], members=members)
    num_train = baseline.images.num_train
    tasks = [
        training_task(
            each,
            evolved.profile,
            settings,
            num_images=max(1, round(settings.final_epochs * num_train)),
            num_train_images=num_train,
            seconds=None if seconds is None else seconds / waves,
            damage=damage_of(each, baseline),
        )
        for each in members
    ]

    def tolerated(before: Trained, after: Evaluated) -> float:
        better = after.quality > baseline.given.quality
        return standard_error(before.quality, len(baseline.roles.validation)) if better else 0.0

    done = finally_trained(
        {each.name: each for each in members},
        pool.run(tasks, too_late=_too_late(run, seconds)),
        observer,
        tolerated=tolerated,
        images="images set aside",
    )
    after = tuple(done.after[each.name] for each in members)
    return Finalists(after[0], members=after, images=done.images, training_s=done.step_seconds)


def _too_late(run: Run[Any], seconds: float | None) -> str | None:
    """Why no final training is begun where a run goes on whose budget is spent; else None."""
    if not run.resumes or seconds is None or seconds > 0:
        return None
    return "the time budget is spent"


def _few_images(seen: Mapping[str, int], num_train: int) -> Iterator[str]:
    """A sentence for each final training that the clock has ended within its first pass."""
    for name, images in seen.items():
        if images < num_train:
            what = "the control" if name == CONTROL else name
            yield (
                f"The final training of {what} saw only {images:,} images, less than one pass over "
                f"the {num_train:,} training images: the time budget left no more. A larger "
                "--budget would make it better."
            )


def members_of(evolved: Evolved, count: int) -> tuple[Trained, ...]:
    """The best model, then the most accurate ones of other structures."""
    own = evolved.elite.graph.structural_hash()
    others = [each for each in evolved.runners_up if each.graph.structural_hash() != own]
    return (evolved.elite, *others[: count - 1])


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
