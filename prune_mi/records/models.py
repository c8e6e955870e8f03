"""Models as records have them: files, costs, figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model file, and what the user says of it.

    Attributes:
        path: A `.keras` or `.h5` file, or a SavedModel folder of Keras 2.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        name: What it is told as in place of the path, where the file was written for a model that
            was handed over in memory.
        digest: Of that model's layers and weights.
    """

    path: Path
    model_json: Path | None = None
    allow_unsafe: bool = False
    custom_objects: str | None = None
    name: str | None = None
    digest: str | None = None

    @property
    def told(self) -> str:
        """How reports name the model."""
        return self.name or str(self.path)


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
class Cost:
    """What a model costs, counted from its graph; see `costs.kinds`.

    Attributes:
        num_params: Weights of every kind, trainable or not.
        macs: Multiply-accumulates of one forward pass of one sample.
        num_layers: Layers and operations, input layers included, as Keras's summary counts them.
        others: Further costs by name.
    """

    num_params: int
    macs: int
    num_layers: int
    others: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def amounts(self) -> dict[str, int]:
        """Every cost by its name."""
        return {"macs": self.macs, "params": self.num_params, **self.others}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model as the report shows it.

    Attributes:
        val_metric: What is kept, over the validation images, which selection saw.
        test_metric: The same over test images that no selection saw.
        full_test_metric: The same over the whole test set, for comparison with published figures.
        metrics: Every metric of the task, by name, over test images that no selection saw.
        size_bytes: Size of the model's `.keras` file.
        other_costs: Further costs by name.
    """

    val_metric: float
    test_metric: float
    full_test_metric: float
    metrics: dict[str, float]
    num_params: int
    macs: int
    num_layers: int
    size_bytes: int
    other_costs: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """A network of a run that no other one dominates: cheaper ones are worse, better ones dearer.

    Attributes:
        name: `reference`, or the child's.
        costs: By the names of costs.
        val_metric: The metric on validation images, a fraction.
        images_trained: Images that it and its ancestors trained on since the reference.
        is_result: Whether it is the run's result.
        has_weights: Whether its weights lie in the run folder, for `prune-mi pick`.
        model: Measured on test images, as the result is; None where it was not.
        file: The model file that it was written to, relative to the run folder; None: to none.
    """

    name: str
    costs: Mapping[str, int] = field(hash=False)
    val_metric: float
    images_trained: int
    is_result: bool
    has_weights: bool
    model: ModelFacts | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Averaged:
    """One model of an average, or the average itself; the accuracy is a fraction."""

    name: str
    test_metric: float
    num_params: int
    macs: int


@dataclass(frozen=True, slots=True)
class Average:
    """What `prune-mi average` found out; `num_images` are the test images, `notes` for the user."""

    members: tuple[Averaged, ...]
    ensemble: Averaged
    num_images: int
    notes: tuple[str, ...]
