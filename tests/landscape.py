"""A made-up landscape that a search runs on, without Keras, and searches of every kind on it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from prune_mi.config import make_search_settings, make_settings
from prune_mi.data import NOT_VARIED, AugmentationPolicy, Dataset, fit_scaling
from prune_mi.evolution.evaluator import Evaluator
from prune_mi.evolution.grow import Growing
from prune_mi.evolution.limits import allowed_drop
from prune_mi.evolution.loop import Evolution
from prune_mi.evolution.prune import Pruning
from prune_mi.evolution.race_plan import RacePlan
from prune_mi.evolution.strategy import Evolved
from prune_mi.evolution.timing import plan_time
from prune_mi.execution.tasks import Evaluated, FailedEvaluation, Ranked, ScreenTask
from prune_mi.graph.channels.width_groups import widths
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.edit import with_weights
from prune_mi.graph.interface.packing import pack
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.baseline import Baseline, Images
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.roles import Roles
from prune_mi.records import SilentObserver
from prune_mi.runs.log import EventLog
from prune_mi.runs.notes import NoteTaker
from prune_mi.runs.recorded import Evaluations
from prune_mi.runs.run import Run
from prune_mi.runs.weights import Weights
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import reference
from prune_mi.training.plan import LossPlan, TrainingPlan
from tests.graph_builder import chain, residual_tower
from tests.judges import of_classes
from tests.told import started

NUM = 200
LABELS = np.arange(NUM) % 4
EVENTS = "events.jsonl"
BEGAN = started(data="digits", objective="macs")


class Landscape:
    """A pool whose outcomes follow from what is asked; it may end at an outcome, as a crash does.

    Outcomes come backwards, as they may. Of networks that are trained some fail, and of those that
    are trained again some become worse, and some fail then.
    """

    def __init__(self, *, ends_after: int | None = None, workers: int = 2) -> None:
        self.left = ends_after
        self.workers = self.at_once = workers
        self.asked: list[str] = []
        self.fallen: list[str] = []
        self.plans: list[TrainingPlan] = []
        self.store = None

    def run(self, tasks: Sequence[Any]) -> Iterator[Evaluated | FailedEvaluation]:
        for task in reversed(tasks):
            self._one(task.name)
            digest = int(task.graph.structural_hash()[:8], 16)
            screens = isinstance(task, ScreenTask)
            if not screens:
                self.plans.append(task.plan)
            again = not screens and task.plan.seed > 0
            if not screens and digest % 5 <= int(again):
                self.fallen.append(task.name)
                yield FailedEvaluation(task.name, "it fell over", 1.0)
                continue
            size = graph_cost(task.graph).num_params
            images = 0 if screens else task.plan.num_images
            right = round(NUM * (0.9 - 0.4 / size - 0.05 * screens - (digest % 7) / 200))
            worse = again and digest % 2
            scores = np.arange(NUM) < min(NUM, right + images % 3 - 6 * worse)
            graph = _moved(task.graph, float(scores.mean()))
            rate = 0.0 if screens else 100.0
            quality = float(scores.mean())
            yield Evaluated(task.name, graph, quality, scores, images, 2.0, rate, 1.0)

    def rank(self, tasks: Sequence[Any]) -> list[Ranked]:
        for task in tasks:
            self._one(task.name)
        return [
            Ranked(
                task.name,
                tuple(graph_cost(task.graph).macs % (7 + place) / 10 for place in sites),
                (0.1,) * len(sites),
                "share",
                _channels(task.graph) if task.channels else {},
            )
            for task in tasks
            for sites in [range(len(task.sites))]
        ]

    def call(self, function: Callable[..., Any], *args: Any) -> AugmentationPolicy:
        return AugmentationPolicy(flip=True, max_shift=0)

    def _one(self, name: str) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1
        self.asked.append(name)


def _channels(graph: LayerGraph) -> dict[str, tuple[float, ...]]:
    """What each channel is said to add, by the layers that make them."""
    made = widths(graph).made.items()
    return {name: tuple((7.0 * each % 5 + 1) / 50 for each in own) for name, own in made}


def _moved(graph: LayerGraph, by: float) -> LayerGraph:
    """The graph with other weights, in arrays of its own."""
    weights = {
        name: tuple(np.asarray(each + by, each.dtype) for each in layer.weights)
        for name, layer in graph.layers.items()
        if layer.weights
    }
    return with_weights(graph, weights)


def made_up_baseline(graph: LayerGraph) -> Baseline:
    """A search's start, right on nine images of ten."""
    pixels = np.zeros((NUM, 8, 8, 3), np.float32)
    data = Dataset(pixels, LABELS, pixels, LABELS, None, None, (), "made up", ())
    everyone = np.arange(NUM)
    roles = Roles(everyone, everyone, everyone, "train", "")
    profile = Profile(
        packing=pack(graph),
        judge=of_classes(4),
        loss=LossPlan(),
        others=(),
        scaling=fit_scaling("none", pixels),
        augmentation=NOT_VARIED,
        calibration=NOT_VARIED,
    )
    given = reference(graph, 0.9, np.arange(NUM) < 180)
    images = Images(roles, LABELS, None, LABELS, everyone, NUM)
    return Baseline(profile, data, images, given, given, None, 100.0)


def run_on(folder: Path, pool: Landscape, settings: Any) -> Run[Any]:
    """A run whose clock goes on by a hundredth of a second whenever it is asked."""
    budget = Budget(settings.budget, started=0.0, clock=partial(next, count(0.0, 0.01)))
    log = EventLog(folder / EVENTS, clock=lambda: 1.0)
    evaluations = Evaluations(pool, log, Weights(folder / "weights"), None)  # type: ignore[arg-type]
    where = SimpleNamespace(path=folder)
    notes = NoteTaker(SilentObserver())
    notes.write_to(log)
    return Run(settings, where, pool, evaluations, budget, notes, log)  # type: ignore[arg-type]


def pruned(run: Run[Any], safe: list[str] | None = None) -> Evolved:
    """What a tower is pruned to; `safe` gets the names of all elites."""
    baseline = made_up_baseline(residual_tower(5))
    allowed = allowed_drop(baseline, run.settings, run.notes)
    plan = plan_time(run.budget, lambda: 0.0, 0.0, baseline, run.settings, rounds=1, workers=2)
    evaluator = Evaluator(run, baseline, left=plan.search_left)
    pruning = Pruning(
        run, baseline, allowed, evaluator, time_plan=plan, on_last=lambda elite, speed: None
    )
    kept = [] if safe is None else safe
    return Evolution(run, pruning, evaluator, on_elite=lambda elite: kept.append(elite.name)).run()


def grown(run: Run[Any]) -> Evolved:
    """What a chain grows to."""
    baseline = made_up_baseline(chain())
    evaluator = Evaluator(run, baseline, left=lambda: None)
    plan = RacePlan(
        run.settings,
        evaluator,
        workers=2,
        num_train_images=NUM,
        trials=run.settings.tries_deletions,
        speed=None,
        left=run.budget.remaining,
    )
    growing = Growing(run, baseline, evaluator, plan=plan, usual_work=1e9)
    return Evolution(run, growing, evaluator, on_elite=lambda elite: None).run()


DIGITS = {"data": "digits", "children": 5}
UNITS = {**DIGITS, "mix": {"remove-by-rank": 0.8, "remove-at-random": 0.14, "insert-conv": 0.06}}
PRUNE = make_settings({**UNITS, "generations": 3, "max_accuracy_drop": 0.1})
PLANS = make_settings({**DIGITS, "generations": 3, "max_accuracy_drop": 0.1})
PLANS_TO_TARGETS = make_settings(
    {**DIGITS, "generations": 3, "target_macs": 0.5, "target_params": 0.5}
)
PLANS_WHILE_BETTER = make_settings({"data": "digits", "generations": 2, "target_macs": 0.5})
GROW = {"data": "digits", "generations": 3, "children": 3, "child_epochs": 2}
TARGET = make_settings({**UNITS, "generations": 4, "target_macs": 0.5})
WAYS: dict[str, tuple[Callable[[Run[Any]], Evolved], Any]] = {
    "prune": (pruned, PRUNE),
    "target": (pruned, TARGET),
    "plans": (pruned, PLANS),
    "plans-to-targets": (pruned, PLANS_TO_TARGETS),
    "plans-while-better": (pruned, PLANS_WHILE_BETTER),
    "default": (grown, make_search_settings(GROW)),
    "adaptive": (
        grown,
        make_search_settings(
            {**GROW, "mix": "adaptive", "share_weights": True, "ensemble": 2, "weights": "inherit"}
        ),
    ),
    "mi": (grown, make_search_settings({**GROW, "method": "mi"})),
}
