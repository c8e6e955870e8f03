"""A model as `optimize` starts from it, its data shared with workers that train."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from prune_mi.config import OptimizeSettings
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import Ranked, RankTask, ScreenTask
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.site import Site
from prune_mi.keras_io.runtime.backend import start_backend
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.profile import Profile
from prune_mi.records import ModelSource, SilentObserver
from prune_mi.search.candidate import Proposed
from prune_mi.search.plans import Plan


@dataclass(frozen=True, slots=True)
class Started:
    """What trainings of a benchmark need.

    Attributes:
        baseline: The model measured, with the batch-norm statistics that serve best.
        profile: How it wants its images.
        pool: Workers that have the images, and the model's answers to them.
    """

    baseline: Baseline
    profile: Profile
    pool: WorkerPool


@contextmanager
def started(model: Path, settings: OptimizeSettings, *, workers: int) -> Iterator[Started]:
    """Loads, studies and measures a model; the workers end with the block."""
    start_backend()
    from prune_mi.preparation.baseline import measured, share_targets, shared_data
    from prune_mi.preparation.find_profile import profile_of
    from prune_mi.preparation.loading import load_fitting_data, open_source
    from prune_mi.preparation.statistics import StatisticsChoice

    observer = SilentObserver()
    loaded = open_source(ModelSource(model))
    data = load_fitting_data(loaded, settings, observer, beside=model)
    with (
        TemporaryDirectory() as scratch,
        closing(
            WorkerPool(Path(scratch), workers=workers, observer=observer, trust=Trust())
        ) as pool,
    ):
        profile = profile_of(loaded.model, data, settings, observer)
        data = profile.arranged(data)
        pool.use(shared_data(pool.store, profile, settings))
        baseline = measured(profile, data, pool=pool, settings=settings, observer=observer)
        choice = StatisticsChoice(baseline, evaluations=pool, seed=settings.seed, observer=observer)
        baseline, _ = choice.start(seconds=None)
        start = baseline.start.graph
        share_targets(start, profile, baseline.images, settings, pool=pool, may_mirror=True)
        yield Started(baseline, profile, pool)


def child_of(name: str, plan: Plan) -> Proposed:
    """The child that a plan makes of the model."""
    return Proposed(
        name=name,
        graph=plan.graph,
        cost=graph_cost(plan.graph),
        parent="start",
        morphs=plan.records,
        lineage=plan.records,
        kept=plan.kept,
    )


def screen_task(child: Proposed, found: Started, settings: OptimizeSettings) -> ScreenTask:
    """Repairs and scores a child as `optimize` does."""
    start = found.baseline.start.graph
    return ScreenTask(child.name, child.graph, start, settings.seed, kept=child.kept)


def ranked(found: Started, settings: OptimizeSettings, sites: Sequence[Site] = ()) -> Ranked:
    """Sites of the model and all of its channels, ranked as `optimize` ranks them."""
    ranking, graph = settings.ranking, found.baseline.start.graph
    task = RankTask("start", graph, tuple(sites), ranking, settings.seed, ranking.channel_criterion)
    (answer,) = found.pool.rank([task])
    if not isinstance(answer, Ranked):
        raise SystemExit(answer.message)
    return answer
