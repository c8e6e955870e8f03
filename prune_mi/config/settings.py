"""Settings of ranking and training, and of `prune-mi optimize`: frozen, unknown keys refused."""

import math
from typing import Self, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from prune_mi.config.declare import CHANGE, CONTROL, INPUT, REMOVAL, TIME, setting
from prune_mi.config.values import (
    CRITERION_WORDS,
    Amount,
    Augmentation,
    ChannelCriterion,
    ClassList,
    ClassWeights,
    CostName,
    Criterion,
    DataSource,
    Duration,
    Objective,
    Optimizer,
    Patterns,
    Repair,
    Scaling,
    TaskName,
    Validation,
)
from prune_mi.errors import ConfigError

# Of `optimize`, where neither a setting nor a budget says how long.
_ALLOWED_DROP = 0.01
_CHILDREN, _GENERATIONS, _PATIENCE, _FINAL_EPOCHS = 8, 5, 3, 6.0
_PATIENCE_UNDER_TARGETS = 1


class Settings(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


class RankingSettings(Settings):
    """How the information gain of a unit is estimated."""

    criterion: Criterion = setting(
        "bypass",
        CRITERION_WORDS,
        panel=REMOVAL,
    )
    num_samples: int = setting(
        1000,
        "Training images to rank on, the same share of each class. bypass and cka cost about one "
        "pass over as many.",
        ge=20,
    )
    num_clusters: int | None = setting(
        None, "Clusters of kmeans and soft.", words="three for each class", ge=2
    )
    num_seeds: int = setting(
        3, "Estimates of kmeans, soft, probe, paper and gate that are averaged.", ge=1
    )


class ChannelRankingSettings(RankingSettings):
    """The same, and how channels are ranked."""

    channel_criterion: ChannelCriterion = setting(
        "information",
        "How channels are ranked. information: what the outputs lose where a channel is replaced "
        "by its mean. For comparison: taylor, magnitude or random.",
        panel=REMOVAL,
    )


class TrainingSettings(Settings):
    """How children, the winner and the control are trained."""

    batch_size: int = setting(64, "Images in a training step.", ge=1)
    optimizer: Optimizer = setting(
        "muon",
        "muon (Adam, but for kernels, whose steps are made orthogonal), adam, or sgd with Nesterov "
        "momentum 0.9.",
    )
    learning_rate: float | None = setting(
        None,
        "Peak of the learning rate, which falls along a cosine.",
        words="from what the removals cost, the size of the weights and the length of the training",
        gt=0,
    )
    clip_norm: float | None = setting(
        None,
        "Largest norm of a step's gradients, of all weights together. Longer ones are shortened.",
        words="none",
        gt=0,
    )
    cycles: int = setting(1, "Cosines of the learning rate in one training.", ge=1)
    distillation: float = setting(
        0.7,
        "Weight of the original model's outputs in the loss. The labels get the rest.",
        ge=0,
        le=1,
    )
    class_weights: ClassWeights | None = setting(
        None,
        "What each class, or label, counts in the loss: balanced, or a number for each.",
        words="all count alike",
    )
    temperature: float = setting(2.0, "Softens the outputs in the distillation term.", gt=0)
    augmentation: Augmentation = setting(
        "auto",
        "How training images are varied. auto: the flips and shifts that the original model "
        "tolerates; shifts only in long trainings, or where it was trained with shifts. A shift is "
        "at most an eighth of the shorter side.",
    )


class RunSettings(Settings):
    """What `prune-mi optimize` and `prune-mi search` have in common."""

    data: DataSource = setting(
        ...,
        "Data set: cifar10, fashion_mnist, mnist, digits, a path, or module:function. The path is "
        "an .npz file (x_train, y_train, x_test, y_test; for several inputs x_train_NAME and "
        "x_test_NAME of each), a folder with one folder of images per class or with images/ and "
        "masks/, a CSV file of image files and labels, a YAML file that describes TFRecord files, "
        "or a cifar-10-batches-py folder. The function gives arrays, datasets or generators.",
        panel=INPUT,
    )
    scaling: Scaling = setting(
        "auto",
        "Input scaling that the model was trained with: auto, none, unit (0..1), signed (-1..1), "
        "standardize (per channel), mean-image (unit minus the mean image), caffe or torch (as in "
        "keras.applications).",
        panel=INPUT,
    )
    output: str | None = setting(
        None,
        "For a model with several outputs: the name of the output to keep accurate.",
        panel=INPUT,
        words="the only one",
    )
    task: TaskName | None = setting(
        None,
        f"What the model is for: {', '.join(get_args(TaskName))} (without labels: what is kept is "
        "agreement with the original).",
        panel=INPUT,
        words="found from the model and the labels",
    )
    classes: ClassList | None = setting(
        None,
        "Names or numbers of the classes, in the order of the model's outputs: separated by "
        "commas, or a file.",
        panel=INPUT,
        words="classes.json beside the model, else detected",
    )
    allow_weak_model: bool = setting(
        False,
        "Continue even if the model is far less accurate on this data than its own probabilities "
        "suggest.",
        panel=INPUT,
        switch="--allow-weak-model",
    )
    budget: Duration | None = setting(
        None,
        "Time limit for the whole run: 90s, 25m or 1h30m.",
        panel=TIME,
        words="none, epochs decide",
    )
    children: int | None = setting(
        None,
        "Number of changed models (children) to propose in a generation.",
        panel=TIME,
        words="8, and more while they get better; with --budget as far as repairing them takes "
        "little of the time",
        ge=1,
    )
    trained_children: int | None = setting(
        None,
        "Children that get a long training. Three times as many get a short one first.",
        words="one for each worker",
        ge=1,
    )
    child_epochs: float = setting(
        2.0, "Maximum number of training epochs for a child.", panel=TIME, gt=0
    )
    workers: int | None = setting(
        None,
        "Number of worker processes, one thread each.",
        panel=TIME,
        words="one per CPU core; at most 5 on a GPU",
        ge=1,
    )
    freeze: Patterns = setting(
        (),
        "Layers that are not trained: a regular expression for the whole name. May be repeated.",
        panel=REMOVAL,
        metavar="REGEX",
    )
    protect: Patterns = setting(
        (),
        "Layers that are not removed or changed: a regular expression for the whole name. May be "
        "repeated.",
        panel=REMOVAL,
        metavar="REGEX",
    )
    validation: Validation = setting(
        "auto",
        "Source of the validation images, if the data has none: auto, test (half of the test "
        "images) or train (a part of the training images).",
        panel=CONTROL,
    )
    screening_images: int = setting(
        1000, "Validation images that untrained children are scored on.", ge=20
    )
    calibration_images: int = setting(
        1000, "Training images that changed models are repaired on, without training.", ge=16
    )
    repair: Repair = setting(
        "least-squares",
        "How a changed model is repaired before it is scored. least-squares: layers behind the "
        "change are refitted. For comparison: variance (their channels keep mean and variance) or "
        "statistics (of batch norms alone).",
        panel=REMOVAL,
    )
    seed: int = setting(0, "Seed of the random numbers.", panel=CONTROL, ge=0, le=2**31 - 1)
    ranking: RankingSettings = RankingSettings()
    training: TrainingSettings = TrainingSettings()


class OptimizeSettings(RunSettings):
    """Everything `prune-mi optimize` can be told; the command line and YAML set the same fields."""

    ranking: ChannelRankingSettings = ChannelRankingSettings()
    max_accuracy_drop: float | None = setting(
        None,
        "Largest allowed loss of accuracy against the given model, as a fraction.",
        panel=CHANGE,
        words="0.01; with a target alone: any",
        ge=0,
        lt=1,
    )
    target_macs: Amount | None = setting(
        None,
        "MACs at most: the share that remains, such as 0.5, or an amount such as 6M. The most "
        "accurate model under it is the result.",
        panel=CHANGE,
        words="as few as the allowed drop leaves",
    )
    target_params: Amount | None = setting(
        None,
        "Parameters at most, in the same way. With both targets, the result is under both.",
        panel=CHANGE,
        words="none",
    )
    objective: Objective = setting(
        "macs",
        f"What to improve: a cost to be made small ({', '.join(get_args(CostName))}), or accuracy "
        "(the most accurate model, whatever it costs).",
        panel=CHANGE,
    )
    generations: int | None = setting(
        None,
        "Maximum number of generations.",
        panel=TIME,
        words="5; with --budget: as many as fit",
        ge=1,
    )
    final_epochs: float | None = setting(
        None,
        "Maximum number of epochs in the final training of the best model.",
        panel=TIME,
        words="6; with --budget: as many as fit",
        gt=0,
    )
    points: int = setting(
        1,
        "Models that get the final training: the result, and others of the frontier, spread over "
        "what they cost.",
        panel=TIME,
        ge=1,
    )
    patience: int | None = setting(
        None,
        "Stop after this many generations without an accepted child.",
        words="3; with --budget: 1 under a target, else never",
        ge=1,
    )
    mix: str | dict[str, float] = setting(
        "deletion-heavy",
        "Kinds of changes to try: deletion-heavy (units and channels), plans (the same, nothing "
        "else), narrowing (channels alone), deletion-by-rank (units alone), deletion-at-random or "
        "uniform. In a file also the changes' names with weights.",
        panel=REMOVAL,
    )
    morphs: int | None = setting(
        None,
        "Maximum number of changes in a child, where channels are not narrowed and there is no "
        "target.",
        panel=REMOVAL,
        words="depends on the model, at least 5",
        ge=1,
    )
    channels_multiple_of: int = setting(
        1,
        "Leave numbers of channels that are multiples of this, such as 8, which some hardware "
        "computes faster.",
        panel=REMOVAL,
        ge=1,
    )
    continue_anyway: bool = setting(
        False,
        "Search even if less than 1 % of the model can be removed.",
        panel=REMOVAL,
        switch="--continue-anyway",
    )
    metric: str | None = setting(
        None,
        "The metric that the allowed drop is counted in: accuracy, balanced (the mean of the "
        "accuracies of the classes) or top-5; labels or macro-f1 of several labels; r2, d2 or mae "
        "of numbers; pixels or mean-iou of masks.",
        panel=CONTROL,
        words="the first of the task",
    )
    confidence: float | None = setting(
        None,
        "Probability that the allowed drop also holds on new images, such as 0.9.",
        panel=CONTROL,
        words="a margin of one standard error, at most half of the drop",
        gt=0.5,
        lt=1,
    )
    images: int | None = setting(
        None,
        "Training images that the result sees in all, its ancestors' among them, for comparison "
        "with other tools. 0: removals are repaired, and nothing is trained.",
        panel=CONTROL,
        words="epochs or the budget decide",
        ge=0,
    )
    control: bool = setting(
        True,
        "Train the unpruned model as well, for comparison.",
        panel=CONTROL,
        switch="--no-control",
        off="Do not train the unpruned model for comparison.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuses settings that contradict each other."""
        if self.objective == "accuracy" and self.targets:
            name = next(iter(self.targets))
            raise ConfigError(
                f"`target_{name}` asks for a smaller model, and the objective accuracy for the "
                "most accurate one, whatever it costs; expected one of them"
            )
        default = type(self).model_fields["objective"].default
        if self.targets and self.objective not in (default, *self.targets):
            raise ConfigError(
                f"the objective is {self.objective}, but `target_{next(iter(self.targets))}` says "
                f"what is made small; expected `target_{self.objective}` as well, or no objective"
            )
        return self

    @property
    def targets(self) -> dict[str, float]:
        """What costs may be, by their names: the share that remains, or above 1 an amount."""
        given = {"macs": self.target_macs, "params": self.target_params}
        return {name: most for name, most in given.items() if most is not None}

    @property
    def allowed_drop(self) -> float | None:
        """Accuracy that may be lost, a fraction; None where a target alone was asked for."""
        if self.max_accuracy_drop is None and not self.targets:
            return _ALLOWED_DROP
        return self.max_accuracy_drop

    @property
    def least_children(self) -> int:
        """Children of a generation; with a budget there may be more."""
        return self.children or _CHILDREN

    @property
    def most_generations(self) -> int | None:
        """Generations at most; None where the budget alone ends the search."""
        return self.generations or (_GENERATIONS if self.budget is None else None)

    def most_flat_generations(self, *, under_targets: bool) -> int | None:
        """Generations without an accepted child at most; None where the budget alone decides.

        A model under its targets need get no smaller, and what a budget has left makes its final
        training longer. (On ResNet-8 a generation of a tenth of the time, which brought nothing
        better, was worth a sixth of that training.)

        Args:
            under_targets: Whether there are targets, and a model under them.
        """
        if self.patience is not None or self.budget is None:
            return self.patience or _PATIENCE
        return _PATIENCE_UNDER_TARGETS if under_targets else None

    @property
    def most_final_epochs(self) -> float:
        """Passes of the final training at most; infinite where the budget alone decides."""
        return self.final_epochs or (_FINAL_EPOCHS if self.budget is None else math.inf)
