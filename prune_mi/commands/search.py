"""`prune-mi search`: images go in, a trained network comes out."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from prune_mi.commands.beginning import started
from prune_mi.commands.story import carry_out
from prune_mi.config import SearchSettings, make_search_settings
from prune_mi.data import data_setting
from prune_mi.data.class_order import class_names
from prune_mi.delivery.member_training import members_of, train_members
from prune_mi.delivery.search_report import conclude_search
from prune_mi.delivery.writing import keep_safe
from prune_mi.errors import BudgetError
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.first_training import FirstTraining, trained_seed
from prune_mi.evolution.grow import Growing
from prune_mi.evolution.loop import Evolution
from prune_mi.evolution.policies import make_policy, make_schedule
from prune_mi.evolution.race_plan import RacePlan
from prune_mi.evolution.timing import WRITING_SECONDS, asks_twice, search_closing_seconds
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.baseline import Baseline, measured, share_targets, shared_data
from prune_mi.preparation.objects import opened_sources
from prune_mi.preparation.start import (
    load_seed_data,
    open_model,
    refuse,
    require_growable,
    seed_profile,
    usual_work,
)
from prune_mi.preparation.study import study
from prune_mi.records import ModelSource, Observer, SearchReport
from prune_mi.report.watching import watched
from prune_mi.runs.extension import SEARCH_TIME
from prune_mi.runs.folder import run_folder
from prune_mi.runs.run import Run
from prune_mi.search.budget import Budget

_SEED_SHARE = 0.15  # of the budget, for the seed's training
_FINAL_SHARE = 0.25  # of what is left then, for the final training
_SLACK_SHARE = 0.03
_FEWEST_SECONDS = 10.0


def search_architecture(
    *,
    data: Any,
    model: str | PathLike[str] | keras.Model | None = None,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    observer: Observer | None = None,
    quiet: bool = False,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> SearchReport:
    """Looks for a network that classifies some data well, as `prune-mi search` does.

    Args:
        data: As for `optimize`: arrays, a data set's name or a path.
        model: A trained model to start from, loaded or a file; None starts from the minimal seed.
        out: The run folder; None makes one in `prune-mi-runs`.
        overwrite: Whether an earlier run's files in `out` may be replaced.
        observer: Hears of progress; None shows it, as for `optimize`.
        quiet: Whether no progress is shown.
        allow_unsafe: Whether Python code in the model file may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        **settings: Fields of `SearchSettings`, such as `method="mi"` or `budget="10m"`.

    Returns:
        What was found; `report.json` in the run folder says the same.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    wanted = make_search_settings({**settings, "data": data_setting(data)})
    trust = Trust(allow_unsafe, custom_objects)
    with (
        opened_sources([] if model is None else [model], trust=trust) as sources,
        watched(observer, quiet=quiet, finds=True) as seen,
    ):
        return run_search(
            sources[0] if sources else None,
            wanted,
            out=None if out is None else Path(out),
            overwrite=overwrite,
            observer=seen,
        )


def run_search(
    source: ModelSource | None,
    settings: SearchSettings,
    *,
    out: Path | None,
    overwrite: bool,
    observer: Observer,
    started: float | None = None,
) -> SearchReport:
    """`search_architecture` with validated settings; None as source starts from the seed."""
    return carry_out(
        search_chapters(source, settings),
        out=out,
        overwrite=overwrite,
        observer=observer,
        started=started,
    )


def search_chapters(source: ModelSource | None, settings: SearchSettings) -> "_Chapters":
    """The parts of a run; what is wrong in the settings must not cost the minutes before them."""
    make_policy(settings)
    make_schedule(settings)
    return _Chapters(source, settings)


class _Chapters:
    """See `commands.story.Chapters`."""

    def __init__(self, source: ModelSource | None, settings: SearchSettings) -> None:
        self.settings = settings
        self.default_folder = run_folder(f"search-{source.path.stem if source else 'seed'}")
        self.inputs: Sequence[Path] = [Path(str(settings.data)), *([source.path] if source else [])]
        self.trust = Trust()
        self._source = source
        self._first: FirstTraining | None = None

    def open(self, observer: Observer) -> None:
        if self._source is None:
            observer.phase("Loading the data")
            self._data = load_seed_data(self.settings, observer)
        else:
            observer.phase("Loading the model and the data")
            self._original, self._data = open_model(
                self._source, self.settings, observer, compiles=False
            )
            where = "a search from a model, which sets the image size"
            refuse(self.settings, where, image_size=None)
            self.trust = self._original.trust
        self.settings = self.settings.for_data(len(self._data.y_train))
        if self._source is None:
            self._seed = seed_profile(self._data, self.settings)

    def begin(self, run: Run[SearchSettings]) -> Baseline:
        if not run.resumes:
            _require_time(run.budget)
        self._began = started("search", self._source, self._data, run.settings)
        run.compare(self._began)
        if self._source is None:
            run.notes.phase("Training the first network")
            baseline = self._of_seed(run)
        else:
            run.notes.phase("Studying the model")
            baseline = self._of_model(run)
        return baseline

    def evolve(self, run: Run[SearchSettings], baseline: Baseline) -> None:
        settings, notes, budget, first = run.settings, run.notes, run.budget, self._first
        if not run.log.is_replaying:
            keep_safe(baseline.given, run.folder, baseline, None)
        closing = partial(
            search_closing_seconds,
            reference=baseline.given,
            baseline=baseline,
            num_images=len(baseline.data.y_test),
            workers=run.pool.workers,
        )
        speed = None if first is None else first.speed
        notes.phase("Searching")
        began, ahead = run.log.decided(
            SEARCH_TIME,
            lambda: [
                budget.elapsed(),
                closing([baseline.given] * settings.ensemble, speed=speed),
            ],
        )

        run.search_began = began

        def left() -> float | None:
            """Before the final training is to begin."""
            if budget.total is None:
                return None
            since = run.search_began
            whole = max(0.0, budget.total - since - ahead - _SLACK_SHARE * budget.total)
            return float(since + (1 - _FINAL_SHARE) * whole) - budget.elapsed()

        evaluator = Evaluator(run, baseline, left=left)
        plan = RacePlan(
            settings,
            evaluator,
            workers=run.pool.workers,
            num_train_images=baseline.images.num_train,
            trials=settings.tries_deletions,
            speed=speed,
            left=left,
        )
        work = usual_work(baseline.data)
        growing = Growing(run, baseline, evaluator, plan=plan, usual_work=work)
        evolved = Evolution(
            run,
            growing,
            evaluator,
            on_elite=lambda elite: keep_safe(elite, run.folder, baseline, None),
        ).run()

        notes.phase("Final training")
        notes.time_left(budget.remaining())
        evolved = replace(evolved, speed=evolved.speed or speed)
        members = members_of(evolved, settings.ensemble)
        seconds = _time_before(budget, closing(members, speed=evolved.speed))
        self._evolved, self._baseline = evolved, baseline
        self._finalists = train_members(run, evolved, baseline, seconds=seconds)

    def conclude(self, run: Run[SearchSettings]) -> SearchReport:
        return conclude_search(
            "seed" if self._source is None else self._source.told,
            self._finalists,
            self._evolved,
            run,
            baseline=self._baseline,
            first=self._first,
        )

    def _of_seed(self, run: Run[SearchSettings]) -> Baseline:
        run.pool.use(shared_data(run.pool.store, self._seed, run.settings))
        run.begin(self._began)
        total = run.budget.total
        seconds = None if total is None else _SEED_SHARE * total
        baseline, self._first = trained_seed(self._seed, self._data, run, seconds=seconds)
        return baseline

    def _of_model(self, run: Run[SearchSettings]) -> Baseline:
        settings, pool, notes = run.settings, run.pool, run.notes
        profile = study(
            self._original.model,
            self._data,
            settings,
            pool=pool,
            observer=notes,
            compiled=self._original.compile_config,
        )
        require_growable(profile, settings)
        arranged = profile.arranged(self._data)
        data = replace(arranged, class_names=class_names(arranged))
        pool.use(shared_data(pool.store, profile, settings))
        run.begin(self._began)
        baseline = measured(profile, data, pool=pool, settings=settings, observer=notes)
        share_targets(
            profile.graph,
            profile,
            baseline.images,
            settings,
            pool=pool,
            may_mirror=asks_twice(run, baseline),
        )
        return baseline


def _time_before(budget: Budget, closing: float) -> float | None:
    """Seconds left before the closing measurements must begin; None without a budget."""
    remaining = budget.remaining()
    if remaining is None or budget.total is None:
        return None
    return max(0.0, remaining - closing - _SLACK_SHARE * budget.total)


def _require_time(budget: Budget) -> None:
    left = _time_before(budget, WRITING_SECONDS)
    if left is not None and left < _FEWEST_SECONDS:
        needed = budget.elapsed() + WRITING_SECONDS + 3 * _FEWEST_SECONDS
        raise BudgetError(
            f"the budget of {budget.total:.0f} s is too short: {budget.elapsed():.0f} s passed "
            f"before the first training; expected --budget {needed:.0f}s or more"
        )
