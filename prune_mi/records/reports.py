"""What a run has come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prune_mi.records.children import ChildRecord, GenerationRecord, MorphRecord
from prune_mi.records.evaluation import GateResult
from prune_mi.records.models import Cost, FrontierPoint, ModelFacts
from prune_mi.records.trained import ClassFacts, LimitFacts, Statistics

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything a run found out; `report.json` is this record.

    Attributes:
        task: What the model is for.
        metric: What is kept, by name.
        metric_words: The same in words.
        smaller: Whether the result costs less than the reference by the objective.
        removals: The winner's whole lineage of morphs, in order.
        images_trained: Images that the result's lineage was trained on since the reference.
        control_images: Images that the control was trained on; as many, or what there was time for.
        recalibrated: The original with the batch-norm statistics that the search started from, or
            None where those were the ones as saved.
        statistics: The statistics that were compared.
        limit: The allowed drop, how much of it was used, and how likely it is to hold.
        classes: Class by class, on test images that no selection saw.
        can_go: How much can go, and why the rest cannot, in words; empty for `accuracy`.
        can_go_share: Of what the objective counts, in [0, 1], or None.
        unused: What of the allowed drop and of the budget was left, and why.
        notes: What the run decided on its own and the user should know.
        folder: The run folder.
        files: Written model files, relative to the run folder.
        gates: What the result was held to, judged on test images that no selection saw.
        targets: What costs may be at most, by their names.
        closest: Where no model kept all limits, the nearest, which is `closest.keras`; None where
            one did, and without targets.
        missed: Which limits that misses, and by how much.
        frontier: What the run found beside the result: networks that no other one dominates, by
            costs and the metric on validation images, the best metric first.
        schema_version: Of `report.schema.json`.
    """

    model: str
    data: str
    task: str
    metric: str
    metric_words: str
    objective: str
    max_accuracy_drop: float | None
    smaller: bool
    reference: ModelFacts
    control: ModelFacts | None
    result: ModelFacts
    removals: tuple[MorphRecord, ...]
    input_scaling: str
    augmentation: str
    validation: str
    images_trained: int
    control_images: int
    recalibrated: ModelFacts | None
    statistics: Statistics
    limit: LimitFacts
    classes: tuple[ClassFacts, ...]
    can_go: str
    can_go_share: float | None
    unused: tuple[str, ...]
    elapsed_s: float
    budget_s: float | None
    generations: tuple[GenerationRecord, ...]
    stop_reason: str
    seed: int
    versions: dict[str, str]
    notes: tuple[str, ...]
    folder: str
    files: tuple[str, ...]
    gates: tuple[GateResult, ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)
    closest: ModelFacts | None = None
    missed: tuple[str, ...] = ()
    frontier: tuple[FrontierPoint, ...] = ()
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class SearchReport:
    """Everything that a search for an architecture found out; `report.json` is this record.

    Attributes:
        start: What it started from: `seed`, or the model file.
        reference: The start: the seed, trained as long as a child of the first generation, or the
            model as it was given.
        result: The best model after its final training.
        ensemble: The average of several models, or None where none was asked for.
        members: Names of these models.
        better: Whether the result is more accurate than the start on validation.
        layers: Layers of the result as DEIM 2019 counts them; see `graph.analysis.layer_counts`.
        lineage: Everything that was done to the start, in order.
        trials, adoptions: Trained children that a deletion was tried on, and those whose slimmer
            version was better.
        validation: Where the images stem from that selection saw: `val`, `train` or `test`.
        images_trained: Images that the result's lineage was trained on.
        total_images: Images that all trainings of the run saw together.
        training_s: Seconds that the steps of all trainings took, the workers' times added up.
        workers: Child processes.
        classes: Names of the classes, in the order of the model's outputs.
        notes: What the run decided on its own and the user should know.
        folder: The run folder.
        files: Written files, relative to the run folder; `best.keras` is the first.
        num_unseen: Test images that no selection saw, which test accuracies are over.
        chance: What guessing gets on them: of accuracy the share of the commonest class.
        task, metric, metric_words: As of `RunReport`.
        schema_version: As of `RunReport`.
    """

    start: str
    data: str
    task: str
    metric: str
    metric_words: str
    method: str
    reference: ModelFacts
    result: ModelFacts
    ensemble: ModelFacts | None
    members: tuple[str, ...]
    better: bool
    layers: int
    lineage: tuple[MorphRecord, ...]
    trials: int
    adoptions: int
    augmentation: str
    validation: str
    images_trained: int
    total_images: int
    training_s: float
    workers: int
    elapsed_s: float
    budget_s: float | None
    generations: tuple[GenerationRecord, ...]
    stop_reason: str
    seed: int
    classes: tuple[str, ...]
    versions: dict[str, str]
    notes: tuple[str, ...]
    folder: str
    files: tuple[str, ...]
    num_unseen: int
    chance: float
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class UnfinishedReport:
    """What a run has come to that has not ended, or that goes on since.

    Attributes:
        command: `optimize` or `search`.
        model: What it started from; None of a search from nothing.
        reference, reference_metric: What it started from on validation images, or None where that
            was not measured yet.
        metric_words: What is kept.
        best: The best accepted child, or None.
        best_metric: What is kept of it, or None.
        generations: Those that have ended.
        under_way: The children of the one that has not, as far as they have come.
        stop_reason: Why there are no further generations; None where there are.
        notes: What the run decided on its own and the user should know.
        folder: The run folder.
        frontier: As of `RunReport`, of children trained so far; of `optimize` alone.
        ended_before: Whether it had ended before; if not, no test image was looked at yet.
        schema_version: As of `RunReport`.
    """

    command: str
    model: str | None
    data: str
    reference: Cost | None
    reference_metric: float | None
    metric_words: str
    best: ChildRecord | None
    best_metric: float | None
    generations: tuple[GenerationRecord, ...]
    under_way: tuple[ChildRecord, ...]
    stop_reason: str | None
    elapsed_s: float
    notes: tuple[str, ...]
    folder: str
    frontier: tuple[FrontierPoint, ...] = ()
    ended_before: bool = False
    schema_version: int = SCHEMA_VERSION
