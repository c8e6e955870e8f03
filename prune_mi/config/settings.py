"""Settings of ranking and training, and of `prune-mi optimize`: frozen, unknown keys refused."""

import math

from pydantic import BaseModel, ConfigDict, Field

from prune_mi.config.values import (
    Augmentation,
    ClassList,
    Criterion,
    Duration,
    Metric,
    Objective,
    Optimizer,
    Scaling,
    Validation,
)

# Of `optimize`, where neither a setting nor a budget says how long.
_GENERATIONS, _PATIENCE, _FINAL_EPOCHS = 5, 3, 6.0


class Settings(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


class RankingSettings(Settings):
    """How the information gain of a unit is estimated.

    Attributes:
        criterion: `bypass` measures what the network's output and last features lose without the
            unit. Of what tensors say, `kmeans` clusters pooled features, `soft` does so with a
            Gaussian mixture, `probe` reads them by cross-validated linear probes, and `paper` is
            DEIM 2019 A3-4's own: whole feature maps, as many clusters as classes. The others are
            controls: `leave-one-out` is the accuracy that goes with the unit, `gate` learns how far
            each may be closed, `cka` is how far the last features move, `magnitude` the size of the
            unit's weights, `random` drawn.
        num_samples: Training images, stratified by class; `bypass` and `cka` take so many of them
            that all their evaluations together cost as much as one of all.
        num_clusters: Clusters of `kmeans` and `soft`; None takes 3 a class.
        num_seeds: Independent clusterings, sets of folds of `probe`, or trainings of `gate`,
            averaged.
    """

    criterion: Criterion = "bypass"
    num_samples: int = Field(default=1000, ge=20)
    num_clusters: int | None = Field(default=None, ge=2)
    num_seeds: int = Field(default=3, ge=1)


class TrainingSettings(Settings):
    """How children, the winner and the control are trained.

    Attributes:
        batch_size: Images a step.
        optimizer: `adam`, or `sgd` with Nesterov momentum 0.9.
        learning_rate: Peak of the cosine schedule; None goes, in `optimize`, by how badly the
            deletion hurt and by the size of the weights, and in a search is 3e-3 for Adam and 0.05
            for SGD.
        cycles: Cosines, each from the peak down, that one training consists of.
        distillation: Weight of the original model's outputs in the loss, 0 to 1; the rest is the
            labels' cross-entropy.
        temperature: Softens both outputs in the distillation term.
        augmentation: `auto` keeps the flips and shifts that the original model itself tolerates.
    """

    batch_size: int = Field(default=64, ge=1)
    optimizer: Optimizer = "adam"
    learning_rate: float | None = Field(default=None, gt=0)
    cycles: int = Field(default=1, ge=1)
    distillation: float = Field(default=0.7, ge=0, le=1)
    temperature: float = Field(default=2.0, gt=0)
    augmentation: Augmentation = "auto"


class RunSettings(Settings):
    """What `prune-mi optimize` and `prune-mi search` have in common.

    Attributes:
        data: A data set's name, or the path of an `.npz`, an image folder or a
            cifar-10-batches-py folder.
        output: Of a model with several outputs, the name of the one to keep accurate.
        classes: Names or numbers of the classes in the order of the model's outputs, or the path of
            a file of them; None goes by the data, or what the model knows of it.
        allow_weak_model: Whether to go on with a model that is far less right on the data than it
            is sure of itself.
        budget: Wall-clock seconds for the whole run; None trains by epochs alone.
        children: Children proposed a generation.
        trained_children: How many of them get a long training, after a heat for up to three times
            as many; None takes one a worker.
        child_epochs: Passes over the training images a child; a budget may shorten them.
        screening_images: Validation images that untrained children are scored on.
        calibration_images: Training images that batch-norm statistics are recalibrated on.
        freeze: Regular expressions for whole names of layers whose weights stay as they are.
        protect: The same for layers that are neither removed nor narrowed.
        workers: Child processes, one thread each; None takes one a core, and five at most on an
            accelerator.
    """

    data: str
    output: str | None = None
    classes: ClassList | None = None
    allow_weak_model: bool = False
    budget: Duration | None = None
    children: int = Field(default=8, ge=1)
    trained_children: int | None = Field(default=None, ge=1)
    child_epochs: float = Field(default=2.0, gt=0)
    scaling: Scaling = "auto"
    validation: Validation = "auto"
    screening_images: int = Field(default=1000, ge=20)
    calibration_images: int = Field(default=512, ge=16)
    freeze: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    workers: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    ranking: RankingSettings = RankingSettings()
    training: TrainingSettings = TrainingSettings()


class OptimizeSettings(RunSettings):
    """Everything `prune-mi optimize` can be told; the command line and YAML set the same fields.

    Attributes:
        generations: Generations at most; None makes 5, and under a budget as many as there is time
            for.
        final_epochs: Passes over the training images in the winner's final training; None makes 6,
            and under a budget as many as there is time for.
        patience: Generations without an accepted child after which the search stops; None is 3, and
            under a budget the search goes on.
        morphs: Morphisms a child at most; None takes one for every three units that can go, but no
            fewer than 5.
        max_accuracy_drop: What may be lost of the metric against the model as given, a fraction.
        metric: What the allowed drop is of: `accuracy`, or `balanced`, the mean of the classes'.
        confidence: The probability with which the allowed drop is to hold on images that selection
            has not seen, in (0.5, 1); None keeps back a standard error, half of the drop at most.
        continue_anyway: Whether to go on where next to nothing can go.
        objective: What is made small; `accuracy` is the paper's own objective.
        mix: Name of a mix of morphisms, or morphism names with their weights.
        control: Whether to train the unpruned model equally.
    """

    generations: int | None = Field(default=None, ge=1)
    final_epochs: float | None = Field(default=None, gt=0)
    patience: int | None = Field(default=None, ge=1)
    morphs: int | None = Field(default=None, ge=1)
    max_accuracy_drop: float = Field(default=0.01, ge=0, lt=1)
    metric: Metric = "accuracy"
    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    continue_anyway: bool = False
    objective: Objective = "macs"
    mix: str | dict[str, float] = "deletion-heavy"
    control: bool = True

    @property
    def most_generations(self) -> int | None:
        """Generations at most; None where the budget alone ends the search."""
        return self.generations or (_GENERATIONS if self.budget is None else None)

    @property
    def most_flat_generations(self) -> int | None:
        """Generations without an accepted child at most; None where the budget alone decides."""
        return self.patience or (_PATIENCE if self.budget is None else None)

    @property
    def most_final_epochs(self) -> float:
        """Passes of the final training at most; infinite where the budget alone decides."""
        return self.final_epochs or (_FINAL_EPOCHS if self.budget is None else math.inf)
