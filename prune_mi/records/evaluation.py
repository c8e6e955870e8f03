"""Models measured side by side, and gates that one of them was held to."""

from dataclasses import dataclass
from typing import Literal

Decision = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """One class, label or number of a model on the test images.

    Attributes:
        name: The class.
        num_images: Of it.
        quality: Its accuracy, or what the task measures of it.
        low, high: 95 % interval of the quality.
    """

    name: str
    num_images: int
    quality: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model against the first one, on the same images.

    Attributes:
        change: Of the metric; negative where it is less.
        low, high: 95 % interval of the change, image by image.
        decisions: How many there are; None, as are the next, where numbers are foretold.
        changed: Decisions that are others than the first model's.
        right_to_wrong, wrong_to_right: Of these, those that were right, and those that are now.
    """

    change: float
    low: float
    high: float
    decisions: int | None
    changed: int | None
    right_to_wrong: int | None
    wrong_to_right: int | None


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """One model, measured.

    Attributes:
        path: Its file.
        quality: The metric on the test images.
        low, high: 95 % interval of the quality.
        metrics: Every metric of the task, by name.
        num_params, macs, num_layers: Counted on its graph.
        size_bytes: Of its file.
        saved_bytes: Of the same model as `.keras` without an optimizer's state.
        classes: Each class by itself.
        against_first: None for the first model.
    """

    path: str
    quality: float
    low: float
    high: float
    metrics: dict[str, float]
    num_params: int
    macs: int
    num_layers: int
    size_bytes: int
    saved_bytes: int
    classes: tuple[ClassQuality, ...]
    against_first: Comparison | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `prune-mi evaluate` found out.

    Attributes:
        data: As named.
        task: What the models are for.
        metric: What is compared, in words.
        num_images: Test images that figures are over.
        num_left_out: Test images that a model's run selected on.
        models: In the order given.
        notes: What the user should know.
    """

    data: str
    task: str
    metric: str
    num_images: int
    num_left_out: int
    models: tuple[EvaluatedModel, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate, judged.

    Attributes:
        name: Of the option, such as `max-accuracy-drop`.
        decision: Undecided counts as failed.
        limit, value: What was allowed, and what was measured; fractions, or bytes.
        low, high: One-sided bounds of the value; None where it is exact.
        images_to_decide: Images that would decide it, where it is undecided and a number would.
        text: A sentence for people: what was measured, what was allowed, what to do.
    """

    name: str
    decision: Decision
    limit: float
    value: float
    low: float | None
    high: float | None
    images_to_decide: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """What `prune-mi check` found out.

    Attributes:
        passed: Whether every gate is.
        confidence: Of the bounds that gates were judged by.
        gates: Each, in the order of the options.
        evaluation: The baseline and the candidate, measured.
        settings_file: Where thresholds that no option gave stood, or None.
    """

    passed: bool
    confidence: float
    gates: tuple[GateResult, ...]
    evaluation: Evaluation
    settings_file: str | None
