"""The records that cross module boundaries: frozen, typed, plain data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Verdict = Literal[
    "pending",
    "accepted",
    "over the allowed drop",
    "not smaller",
    "not better",
    "not trained",
    "failed",
]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model file, and what the user says of it.

    Attributes:
        path: A `.keras` or `.h5` file, or a SavedModel folder of Keras 2.
        architecture: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
    """

    path: Path
    architecture: Path | None = None
    allow_unsafe: bool = False
    custom_objects: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """A model file that was written again for Keras 3.

    Attributes:
        written_by: Version of the Keras that wrote the old file, or `unknown`.
        num_layers: Layers and operations, those of models inside the model counted one by one.
        num_params: Weights of every kind.
        compiled: Whether the new file has a loss, metrics and an optimizer.
        difference: From the outputs that Keras 2 gives on random inputs, as a fraction of them;
            None where Keras 3 wrote the old file, too.
        notes: What the user should know.
    """

    old: Path
    new: Path
    written_by: str
    num_layers: int
    num_params: int
    size_bytes: int
    compiled: bool
    difference: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Averaged:
    """One model of an average, or the average itself; the accuracy is a fraction."""

    name: str
    test_accuracy: float
    num_params: int
    macs: int


@dataclass(frozen=True, slots=True)
class Average:
    """What `prune-mi average` found out; `num_images` are the test images."""

    members: tuple[Averaged, ...]
    ensemble: Averaged
    num_images: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model costs, counted from its graph.

    Attributes:
        num_params: Weights of every kind, trainable or not.
        macs: Multiply-accumulates of one forward pass of one sample.
        num_layers: Layers and operations, input layers included, as Keras's summary counts them.
    """

    num_params: int
    macs: int
    num_layers: int


@dataclass(frozen=True, slots=True)
class RankingRow:
    """One unit as `prune-mi rank` shows it.

    Attributes:
        name, kind: The unit's.
        layers: The layers that would go.
        information_bits: What the tensor behind the unit tells about the class; of `kmeans` where
            the criterion does not look at tensors by themselves.
        information_low, information_high: 95 % confidence interval of that.
        gain_bits: What the unit adds; of some criteria in another measure than bits, see `Ranking`.
        gain_low, gain_high: 95 % confidence interval of the gain.
        probability_least: That the unit is among the k of least gain.
        rank: 0 goes first.
        macs, num_params: What would go.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    information_bits: float
    information_low: float
    information_high: float
    gain_bits: float
    gain_low: float
    gain_high: float
    probability_least: float
    rank: int
    macs: int
    num_params: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """What `prune-mi rank` found out.

    Attributes:
        measure: Of the gains: `bit`, `accuracy` and `share` (fractions), or `score`.
        least: The k of `probability_least`.
        total: Cost of the whole model.
        units: Removable units that cost anything, in graph order.
    """

    model: str
    data: str
    criterion: str
    measure: str
    num_samples: int
    least: int
    total: Cost
    units: tuple[RankingRow, ...]
    seconds: float
    seed: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """What a model sees in one image; probabilities are in [0, 1].

    Attributes:
        image: The file.
        class_name, probability: The likeliest class.
        next_class, next_probability: The one behind it.
    """

    image: str
    class_name: str
    probability: float
    next_class: str
    next_probability: float


@dataclass(frozen=True, slots=True)
class Predictions:
    """What `prune-mi predict` found out.

    Attributes:
        scaling: What was done to the pixels, in words.
        images: Those that could be read, in the order given.
        broken: Files that could not.
        notes: What the user should know.
    """

    model: str
    scaling: str
    images: tuple[ImagePrediction, ...]
    broken: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model as the report shows it. Accuracies are fractions in [0, 1].

    Attributes:
        val_accuracy: Over the validation images, which selection saw.
        test_accuracy: Over test images that no selection saw.
        full_test_accuracy: Over the whole test set, for comparison with published figures.
        size_bytes: Size of the model's `.keras` file.
    """

    val_accuracy: float
    test_accuracy: float
    full_test_accuracy: float
    num_params: int
    macs: int
    num_layers: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a network a change is made, in words that hold for every network.

    Attributes:
        third: 0, 1 or 2: the third of the network's calls that it lies in, from the input on.
        behind: What yields the tensor there: `input`, `kernel`, `norm`, `activation`, `pooling`,
            `noise`, `join` or `other`.
    """

    third: int
    behind: str


@dataclass(frozen=True, slots=True)
class MorphRecord:
    """One applied morphism.

    Attributes:
        kind: Name of the morphism in the catalog, such as `remove-by-rank`.
        target: The unit or tensor it was applied to.
        layers: Names of the layers that went or came.
        reason: Why this site, for instance its information gain in bits.
        place: Where in the network; None where nobody learns from it.
    """

    kind: str
    target: str
    layers: tuple[str, ...]
    reason: str
    place: Place | None = None

    @property
    def is_removal(self) -> bool:
        """Whether layers went."""
        return self.kind.startswith("remove")

    @property
    def is_insertion(self) -> bool:
        """Whether layers came."""
        return self.kind.startswith(("insert", "skip"))


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """One child, as the journal and the report keep it.

    Attributes:
        name: `g2c3` is child 3 of generation 2; both count from 1.
        parent: Name of the model it was made from; `reference` is the original.
        morphs: What distinguishes it from `parent`, in order.
        num_params, macs, num_layers: Its cost.
        screened_accuracy: Validation accuracy repaired but untrained, or None.
        trained_accuracy: Validation accuracy after training, or None.
        images_trained: Images its own training has seen, all its slices together.
        seconds: Time its evaluation took.
        verdict: Accepted, or why not; `pending` while its generation is under way.
        detail: The verdict's figures in a sentence, or the failure's message.
    """

    name: str
    generation: int
    parent: str
    morphs: tuple[MorphRecord, ...]
    num_params: int
    macs: int
    num_layers: int
    screened_accuracy: float | None
    trained_accuracy: float | None
    images_trained: int
    seconds: float
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """One generation: its parent, all its children, and the elite it ended with."""

    index: int
    parent: str
    children: tuple[ChildRecord, ...]
    elite: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything a run found out; `report.json` is this record.

    Attributes:
        smaller: Whether the result costs less than the reference by the objective.
        removals: The winner's whole lineage of morphs, in order.
        images_trained: Images that the result's lineage was trained on since the reference.
        control_images: Images that the control was trained on; planned to be as many.
        notes: What the run decided on its own and the user should know.
        folder: The run folder.
        files: Written model files, relative to the run folder.
    """

    model: str
    data: str
    objective: str
    max_accuracy_drop: float
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
    elapsed_s: float
    budget_s: float | None
    generations: tuple[GenerationRecord, ...]
    stop_reason: str
    seed: int
    versions: dict[str, str]
    notes: tuple[str, ...]
    folder: str
    files: tuple[str, ...]


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
        layers: Layers of the result as DEIM 2019 counts them; see `graph.paper_layers`.
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
        files: Written files, relative to the run folder.
    """

    start: str
    data: str
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


class Observer(Protocol):
    """Hears of a run's progress; the console's live display is one."""

    def note(self, message: str) -> None:
        """A decision the user should know of, in a sentence."""

    def phase(self, title: str) -> None:
        """A new part of the pipeline begins."""

    def reference(self, cost: Cost, val_accuracy: float) -> None:
        """The original was measured."""

    def generation(self, index: int, total: int, parent: str) -> None:
        """Generation `index` (from 1) of at most `total` begins."""

    def child(self, record: ChildRecord) -> None:
        """A child was screened or trained."""

    def training(self, name: str, images_done: int, images_total: int) -> None:
        """A training under way has seen `images_done` of `images_total` images."""

    def time_left(self, seconds: float | None) -> None:
        """The budget that remains, or None without a budget."""


class SilentObserver:
    """Hears everything and says nothing."""

    def note(self, message: str) -> None: ...

    def phase(self, title: str) -> None: ...

    def reference(self, cost: Cost, val_accuracy: float) -> None: ...

    def generation(self, index: int, total: int, parent: str) -> None: ...

    def child(self, record: ChildRecord) -> None: ...

    def training(self, name: str, images_done: int, images_total: int) -> None: ...

    def time_left(self, seconds: float | None) -> None: ...
