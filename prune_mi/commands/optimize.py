"""`prune-mi optimize`: a trained model goes in, a smaller one as accurate as allowed comes out."""

import math
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from prune_mi.commands.beginning import started
from prune_mi.commands.story import carry_out
from prune_mi.config import Gates, OptimizeSettings, make_gates, make_settings
from prune_mi.costs.objective import objective_of
from prune_mi.data import data_setting
from prune_mi.delivery.control import Control
from prune_mi.delivery.final_training import FinalTraining
from prune_mi.delivery.frontier import points_of, write_point
from prune_mi.delivery.optimize_report import Made, conclude
from prune_mi.delivery.optimized import Optimized
from prune_mi.delivery.trainings import Finalists
from prune_mi.delivery.writing import keep_safe
from prune_mi.errors import BudgetError
from prune_mi.evolution.early_refusal import require_worthwhile
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.limits import allowed_drop
from prune_mi.evolution.lineage_images import lineage_images
from prune_mi.evolution.loop import Evolution
from prune_mi.evolution.prune import Pruning
from prune_mi.evolution.strategy import Evolved
from prune_mi.evolution.timing import (
    asks_twice,
    closing_seconds,
    last_statistics_seconds,
    plan_time,
    statistics_seconds,
    teacher_images,
)
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.morphisms.mixes import resolve_mix
from prune_mi.preparation.baseline import Baseline, measured, share_targets, shared_data
from prune_mi.preparation.can_go import how_much_can_go
from prune_mi.preparation.objects import opened_sources
from prune_mi.preparation.start import open_model
from prune_mi.preparation.statistics import AS_SAVED, StatisticsChoice
from prune_mi.preparation.study import study
from prune_mi.records import ModelFacts, ModelSource, Observer, RunReport, Statistics
from prune_mi.records.events import SearchEnded
from prune_mi.report.watching import watched
from prune_mi.runs.extension import SEARCH_TIME
from prune_mi.runs.folder import require_free, run_folder
from prune_mi.runs.run import Run
from prune_mi.search.budget import Budget, final_rounds
from prune_mi.search.candidate import Trained


def optimize(
    model: str | PathLike[str] | keras.Model,
    *,
    data: Any,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    observer: Observer | None = None,
    quiet: bool = False,
    gates: Mapping[str, Any] | None = None,
    model_json: str | PathLike[str] | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> Optimized:
    """Shrinks a trained Keras model, as `prune-mi optimize` does.

    Args:
        model: A loaded model, which stays as it is; or a `.keras` or `.h5` file, or a SavedModel
            folder of Keras 2. Its own layers must be registered with Keras.
        data: The arrays `(x_train, y_train, x_test, y_test)`, or six of them in the order train,
            validation, test; a dict of arrays by these names; the splits `(train, test)` or
            `(train, validation, test)`, each of them a `tf.data.Dataset`, a
            `keras.utils.PyDataset` or an iterable; or a data set's name or a path. Images are
            `(N, height, width, channels)`, raw or as the model takes them; labels are `(N,)`,
            counted from 0, or one-hot. Arrays are read and never written.
        out: The run folder; None makes `prune-mi-runs/<model's name>`.
        overwrite: Whether an earlier run's files in `out` may be replaced.
        observer: Hears of progress; None shows it: a table in a notebook, a live display in a
            terminal, else lines on standard output.
        quiet: Whether no progress is shown.
        gates: What the result is held to, by the names of the fields of `prune_mi.config.Gates`;
            the report's `gates` has the verdicts.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        **settings: Fields of `OptimizeSettings`, such as `budget="25m"` or
            `max_accuracy_drop=0.02`; `output` names the one to keep accurate of several.

    Returns:
        The slim model and the report: `model, report = optimize(...)`. A notebook shows it as
        tables. Nothing is written but the run folder.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    wanted = make_settings({**settings, "data": data_setting(data)})
    held_to = None if gates is None else make_gates(gates)
    trust = Trust(allow_unsafe, custom_objects)
    if out is not None:
        require_free(Path(out), overwrite=overwrite)
    with (
        opened_sources([model], model_json=model_json, trust=trust) as (source,),
        watched(observer, quiet=quiet) as seen,
    ):
        report = run_optimize(
            source,
            wanted,
            out=None if out is None else Path(out),
            overwrite=overwrite,
            observer=seen,
            gates=held_to,
        )
    return Optimized.of(report, report.folder, trust)


def run_optimize(
    source: ModelSource,
    settings: OptimizeSettings,
    *,
    out: Path | None,
    overwrite: bool,
    observer: Observer,
    gates: Gates | None = None,
    started: float | None = None,
) -> RunReport:
    """`optimize` with validated settings; `started` is when the budget's clock began."""
    return carry_out(
        optimize_chapters(source, settings, gates),
        out=out,
        overwrite=overwrite,
        observer=observer,
        started=started,
    )


def optimize_chapters(
    source: ModelSource,
    settings: OptimizeSettings,
    gates: Gates | None,
    *,
    replays: bool = False,
) -> "_Chapters":
    """The parts of a run; what is wrong in the settings must not cost the minutes before them.

    Args:
        source: The model file.
        settings: The run's.
        gates: What the result is held to.
        replays: Whether the run has ended, and is only gone through again: nothing is trained.
    """
    resolve_mix(settings.mix)
    return _Chapters(source, settings, gates, replays)


class _Chapters:
    """See `commands.story.Chapters`."""

    def __init__(
        self,
        source: ModelSource,
        settings: OptimizeSettings,
        gates: Gates | None,
        replays: bool,
    ) -> None:
        self.settings = settings
        self.default_folder = run_folder(source.path.stem)
        self.inputs = (source.path, Path(str(settings.data)))
        self._source = source
        self._gates = gates
        self._replays = replays

    def open(self, observer: Observer) -> None:
        observer.phase("Loading the model and the data")
        self._original, self._data = open_model(self._source, self.settings, observer)
        self.trust = self._original.trust

    def begin(self, run: Run[OptimizeSettings]) -> Baseline:
        settings, pool, notes = run.settings, run.pool, run.notes
        began = started("optimize", self._source, self._data, settings, self._gates)
        run.compare(began)
        notes.phase("Studying the original")
        if not run.resumes:
            require_worthwhile(
                run.budget,
                trace_model(self._original.model),
                num_test_images=len(self._data.y_test),
                control=settings.control,
            )
        profile = study(
            self._original.model,
            self._data,
            settings,
            pool=pool,
            observer=notes,
            compiled=self._original.compile_config,
        )
        self._can_go = how_much_can_go(profile.graph, settings, notes)
        pool.use(shared_data(pool.store, profile, settings))
        baseline = measured(
            profile,
            profile.arranged(self._data),
            pool=pool,
            settings=settings,
            observer=notes,
            most_images=lambda rate: run.most_images(teacher_images(run.budget.total, rate)),
        )
        if not self._can_go.too_little and not run.resumes:
            _require_time(run.budget, closing_seconds(baseline, settings))
        run.begin(began)
        return baseline

    def evolve(self, run: Run[OptimizeSettings], baseline: Baseline) -> None:
        settings, notes = run.settings, run.notes
        self._baseline, self._allowed = baseline, allowed_drop(baseline, settings, notes)
        if self._can_go.too_little:
            run.log.append(SearchEnded("almost nothing of the model can go"))
            evolved = Evolved(baseline.given, baseline.profile)
            self._made = Made(evolved, Finalists(baseline.given), Statistics(AS_SAVED, ()))
            return
        choice = StatisticsChoice(
            baseline,
            evaluations=run.evaluations,
            decided=run.log.decided,
            seed=settings.seed,
            observer=notes,
        )
        baseline, statistics = choice.start(seconds=statistics_seconds(run.budget.total))
        if baseline.profile.needs_statistics:
            self._allowed = replace(self._allowed, before=baseline.start.scores)
        self._baseline = baseline
        if settings.images != 0:  # else nothing is trained
            twice = asks_twice(run, baseline)
            if not self._replays:
                self._baseline = self._with_targets(run, baseline, twice=twice)
        self._made = Made(*self._made_of(run, self._baseline, choice), statistics)

    def _with_targets(
        self, run: Run[OptimizeSettings], baseline: Baseline, *, twice: bool
    ) -> Baseline:
        """Asks the original about all training images; the baseline with the speed of that."""
        run.notes.phase("Predicting all training images with the original, for distillation")
        rate = share_targets(
            baseline.start.graph,
            baseline.profile,
            baseline.images,
            run.settings,
            pool=run.pool,
            may_mirror=twice,
        )
        # Of two measurements of a machine that others use too, the faster is the likelier.
        return replace(baseline, images_per_second=max(baseline.images_per_second, rate))

    def conclude(self, run: Run[OptimizeSettings]) -> RunReport:
        return conclude(
            self._original,
            self._made,
            run,
            baseline=self._baseline,
            allowed=self._made.evolved.allowed or self._allowed,
            can_go=self._can_go,
            gates=self._gates,
        )

    def write_point(
        self, run: Run[OptimizeSettings], name: str, file: Path
    ) -> tuple[Trained, ModelFacts]:
        """Writes a point of the frontier, and measures it as the result is measured."""
        made, baseline = self._made, self._baseline
        points = points_of(made.evolved, baseline.start, made.finalists)
        point = {each.name: each for each in points}[name]
        run.evaluations.require(point.graph, name)
        return point, write_point(self._original, point, file, run, baseline)

    def _made_of(
        self, run: Run[OptimizeSettings], baseline: Baseline, choice: StatisticsChoice
    ) -> tuple[Evolved, Finalists]:
        """The search, and the final training beside the control."""
        settings, notes, budget = run.settings, run.notes, run.budget
        changed = baseline.start.graph is not baseline.given.graph
        closing = closing_seconds(baseline, settings, recalibrated=changed)

        notes.phase("Searching")
        if not run.resumes:
            _require_time(budget, closing)
        workers = run.evaluations.workers
        began, closing = run.log.decided(SEARCH_TIME, lambda: [budget.elapsed(), closing])
        rounds = run.log.decided(
            "rounds of the final training",
            lambda: final_rounds(control=settings.control, workers=workers, points=settings.points),
        )
        run.search_began = began
        time_plan = plan_time(
            budget,
            lambda: run.search_began,
            closing,
            baseline,
            settings,
            rounds=rounds,
            workers=workers,
        )
        control = Control(run, baseline, time_plan) if settings.control else None
        evaluator = Evaluator(
            run,
            baseline,
            left=time_plan.search_left,
            most_images=lineage_images(settings).of_child,
        )
        pruning = Pruning(
            run,
            baseline,
            self._allowed,
            evaluator,
            time_plan=time_plan,
            on_last=control.begin if control else lambda elite, speed: None,
        )
        evolved = Evolution(
            run,
            pruning,
            evaluator,
            on_elite=lambda elite: keep_safe(elite, run.folder, baseline, self._original),
        ).run()

        notes.phase("Final training" + (" beside the control" if control else ""))
        notes.time_left(budget.remaining())
        allowed = evolved.allowed or self._allowed
        training = FinalTraining(
            run,
            evolved,
            baseline,
            allowed=allowed,
            objective=objective_of(settings, baseline.given.cost),
            control=control,
        )
        finalists = training.run(_time_before(budget, closing))
        seconds = last_statistics_seconds(budget.total)
        return evolved, training.with_best_statistics(finalists, choice, seconds=seconds)


def _time_before(budget: Budget, closing: float) -> float | None:
    """Seconds left before the closing measurements must begin; None without a budget."""
    remaining = budget.remaining()
    return None if remaining is None else max(0.0, remaining - closing)


def _require_time(budget: Budget, closing: float) -> None:
    left = _time_before(budget, closing)
    if left is not None and left < 0.3 * (budget.total or 0.0):
        needed = (budget.elapsed() + closing) / 0.6
        raise BudgetError(
            f"the budget of {budget.total:.0f} s is too short: the steps before the search took "
            f"{budget.elapsed():.0f} s, and measuring the result will take about {closing:.0f} s; "
            f"expected --budget {math.ceil(needed)}s or more"
        )
