"""What happens in a run, in order; a run is its events.

They are written as they happen. Progress, the closing table and `report.json` are read from them,
and so is what a resumed run need not do again: an outcome that was written is an outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prune_mi.records.children import MorphRecord, Reason
from prune_mi.records.in_memory import is_in_memory
from prune_mi.records.models import Cost
from prune_mi.records.reports import RunReport, SearchReport

Command = Literal["optimize", "search"]
Step = Literal["ranked", "screened", "trained", "recalibrated"]


@dataclass(frozen=True, slots=True)
class Started:
    """A run has opened its model and its data.

    Attributes:
        version: Of prune-mi.
        model: The model file; None of a search from nothing.
        model_digest, data_digest: Of what was opened, to tell whether it has changed since.
        source: What the user said of the model file, by the names of `ModelSource`.
        settings: The run's settings, as `config.yaml` has them.
        gates: What the result is held to, by name; None: nothing.
        where: The folder that paths were given from.
    """

    command: Command
    version: str
    model: str | None
    model_digest: str | None
    data_digest: str
    source: Mapping[str, Any]
    settings: Mapping[str, Any]
    gates: Mapping[str, Any] | None = None
    where: str = ""

    @property
    def handed_over(self) -> tuple[str, ...]:
        """Which of `model` and `data` were objects, so that they lie in no file."""
        told = {"model": self.model, "data": str(self.settings.get("data", ""))}
        return tuple(name for name, each in told.items() if is_in_memory(each))


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run goes on.

    Attributes:
        behind: The number of events that it goes on from; what came after them is void.
        changes: Settings that are others from here on, by name.
        source: What is said otherwise of the model file from here on, by the names of
            `ModelSource`; paths are absolute.
        gates: What the result is held to from here on; None: what it was.
    """

    behind: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the user should know, in a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What a clock, or the speed of the machine, has decided.

    Attributes:
        what: Such as `rungs of generation 3`.
        value: Plain data.
    """

    what: str
    value: Any


@dataclass(frozen=True, slots=True)
class Referenced:
    """What a run begins with was measured on validation images.

    Attributes:
        cost: Of the model that it begins with.
        quality: Of the same, as all qualities in events: 1 is perfect.
        words: The metric, for people.
        error_of_chance: Where that is an error: what the best constant answer gets, which is the
            quality 0; else None.
    """

    cost: Cost
    quality: float
    words: str = "accuracy"
    error_of_chance: float | None = None

    def told(self, quality: float) -> float:
        """A quality as people know the metric: an error in its own unit."""
        return quality if self.error_of_chance is None else (1 - quality) * self.error_of_chance


@dataclass(frozen=True, slots=True)
class GenerationBegan:
    """A generation begins: number `index` (from 1) of at most `total`; None: of what time allows.

    Attributes:
        parent: Name of the model that its children are made from.
        seconds: Wall clock for it, or None.
    """

    index: int
    total: int | None
    parent: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Ranked:
    """Units of a model were ranked.

    Attributes:
        units: Their names.
        scores, spreads: What each adds by the criterion, and the standard errors of that.
        measure: What they are in.
        channels: What each output channel of layers adds, by the layers' names.
    """

    name: str
    units: tuple[str, ...]
    scores: tuple[float, ...]
    spreads: tuple[float, ...]
    measure: str
    channels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposed:
    """A child was made."""

    name: str
    parent: str
    morphs: tuple[MorphRecord, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Screened:
    """A child was repaired and scored untrained.

    Attributes:
        quality: On the screening images, less what these tell too much.
        seconds: That this took.
        weights: Digest of its weights, which lie in the run folder under it.
    """

    name: str
    quality: float
    seconds: float
    weights: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A network was trained and scored on all validation images.

    Attributes:
        scores: Which of them it is right on; see `runs.weights.scores_text`.
        images: Images that the training saw.
        seconds: That training and scoring took.
        images_per_second: Of the steps; 0 where they were few.
        overhead_seconds: Everything but the steps.
        weights: As of `Screened`.
    """

    name: str
    quality: float
    scores: str
    images: int
    seconds: float
    images_per_second: float
    overhead_seconds: float
    weights: str


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """A network got other batch-norm statistics and was scored on validation images."""

    name: str
    quality: float
    scores: str
    seconds: float
    weights: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A network could not be ranked, repaired or trained.

    The run goes on without it, or with what it was where it had been trained in this generation.

    Attributes:
        step: What could not be done.
        message: Why.
        seconds: That were spent on it.
        images, step_seconds: Of a training that diverged, what it saw, and what that took.
    """

    name: str
    step: Step
    message: str
    seconds: float
    images: int = 0
    step_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """A trained child is the best so far; `required` is what it had to reach, or None."""

    name: str
    quality: float
    required: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A child is not the best so far, or was not even trained.

    Attributes:
        reason: In a word; see `records.generations` for what it is told by.
        numbers: What decided, by name.
        elite: The best so far, where it was compared with that.
    """

    name: str
    reason: Reason
    numbers: Mapping[str, float] = field(default_factory=dict)
    elite: str = ""


@dataclass(frozen=True, slots=True)
class Limited:
    """A run goes on with another allowed drop; `elite` is the best model within it.

    Attributes:
        limit: What may be lost, in the unit of the metric; None: that is not asked any more.
    """

    limit: float | None
    elite: str


@dataclass(frozen=True, slots=True)
class Varied:
    """Training images are varied in this way from now on; see `data.AugmentationPolicy`."""

    flip: bool
    max_shift: int
    fill: Literal["edge", "zero"]


@dataclass(frozen=True, slots=True)
class GenerationEnded:
    """A generation has ended; `elite` is the best model now."""

    index: int
    elite: str


@dataclass(frozen=True, slots=True)
class SearchEnded:
    """There are no further generations, for a reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """All is measured and written; the report is without generations and notes."""

    report: RunReport | SearchReport


Outcome = Ranked | Screened | Trained | Recalibrated | Failed
Event = (
    Started
    | Resumed
    | Noted
    | Decided
    | Referenced
    | GenerationBegan
    | Ranked
    | Proposed
    | Screened
    | Trained
    | Recalibrated
    | Failed
    | Accepted
    | Refused
    | Limited
    | Varied
    | GenerationEnded
    | SearchEnded
    | Finished
)
