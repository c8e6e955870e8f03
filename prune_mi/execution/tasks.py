"""What a pool is asked to do with one network, and what comes back: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from prune_mi.config import ChannelCriterion, RankingSettings
from prune_mi.config.values import Repair
from prune_mi.data import AugmentationPolicy
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.site import Site
from prune_mi.training.plan import TrainingPlan


@dataclass(frozen=True, slots=True)
class ScreenTask:
    """Repair a child and score it untrained.

    Attributes:
        graph: The child, with the weights that it inherits.
        parent: What it was made from; its layers' outputs are what a refit aims at.
        offset: What the screening images tell too little, added to the accuracy.
        seed: Draws the positions that a refit samples.
        kept: Of the parent's layers that make fewer channels now, the places of those that stay.
        repair: How.
    """

    name: str
    graph: LayerGraph
    parent: LayerGraph
    seed: int
    offset: float = 0.0
    kept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    repair: Repair = "least-squares"


@dataclass(frozen=True, slots=True)
class TrainTask:
    """Train a child and score it on all validation images.

    Attributes:
        plan: How long and how fast; of no images, it is scored as it is.
        augmentation: Of its images.
        fresh: Whether it forgets its weights first.
        checkpoint: A file that a long training goes on from; None: it leaves none.
    """

    name: str
    graph: LayerGraph
    plan: TrainingPlan
    augmentation: AugmentationPolicy
    fresh: bool = False
    checkpoint: str | None = None

    @property
    def seed(self) -> int:
        """Of all that is drawn."""
        return self.plan.seed


@dataclass(frozen=True, slots=True)
class RankTask:
    """Rank sites of a child by what would be lost at each.

    Attributes:
        sites: Of the graph.
        settings: The criterion and its sizes.
        channels: How channels are scored; None: they are not.
    """

    name: str
    graph: LayerGraph
    sites: tuple[Site, ...]
    settings: RankingSettings
    seed: int
    channels: ChannelCriterion | None = None


@dataclass(frozen=True, slots=True)
class RecalibrateTask:
    """Give a network other batch-norm statistics and score it on all validation images.

    Attributes:
        num_images: Of the first training images, that statistics are taken from.
        augmentation: Of these.
        num_validation: The first validation images that it is scored on; None: all.
        seed: Varies the images.
    """

    name: str
    graph: LayerGraph
    num_images: int
    augmentation: AugmentationPolicy
    num_validation: int | None
    seed: int


Task = ScreenTask | TrainTask | RecalibrateTask


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A child's outcome.

    Attributes:
        graph: Repaired, and trained where that was asked.
        quality: On the screening images, or on all validation images after training; or what else
            the metric is.
        scores: bool `(n,)`, whether it is right for each of these.
        images_trained: Images its training saw.
        seconds: What it took, with the steps before the checkpoint that a training went on from.
        images_per_second: Of its training's steps, compilation apart; 0 where not trained.
        overhead_seconds: Everything but the training's steps.
    """

    name: str
    graph: LayerGraph
    quality: float
    scores: np.ndarray
    images_trained: int
    seconds: float
    images_per_second: float
    overhead_seconds: float

    @property
    def step_seconds(self) -> float:
        """What the steps of its training took."""
        return self.seconds - self.overhead_seconds


@dataclass(frozen=True, slots=True)
class FailedEvaluation:
    """A child that could not be evaluated, or whose worker died; the run goes on without it.

    Attributes:
        images_trained, step_seconds: Of a training that diverged, what it saw, and what that took.
    """

    name: str
    message: str
    seconds: float
    images_trained: int = 0
    step_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A child's sites.

    Attributes:
        gains: Of each site that was asked about, in the order of the task.
        spreads: Their standard errors.
        measure: What the gains are in, see `information.criterion.Measure`.
        channels: What each output channel of layers adds, by the layers' names; empty where that
            was not asked.
    """

    name: str
    gains: tuple[float, ...]
    spreads: tuple[float, ...]
    measure: str
    channels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


Outcome = Evaluated | FailedEvaluation
