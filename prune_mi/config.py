"""Validated settings: frozen, unknown keys refused with the nearest known one, YAML in and out."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from prune_mi.errors import ConfigError

Objective = Literal["macs", "params", "accuracy"]
Scaling = Literal["auto", "none", "unit", "signed", "standardize", "mean-image"]
Validation = Literal["auto", "test", "train"]
Criterion = Literal[
    "bypass",
    "kmeans",
    "soft",
    "probe",
    "paper",
    "leave-one-out",
    "gate",
    "cka",
    "magnitude",
    "random",
]
Augmentation = Literal["auto", "none", "flip", "shift", "flip+shift"]
Optimizer = Literal["adam", "sgd"]
Method = Literal["default", "nash", "random", "mi"]
Weights = Literal["inherit", "scratch"]
MorphDecay = Literal["none", "linear", "exponential"]
SeedHead = Literal["pool", "flatten"]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(value: object) -> object:
    """Reads a duration such as `90`, `"90s"`, `"25m"` or `"1h30m"` into seconds.

    Args:
        value: A number of seconds, or a string with units h, m, s.

    Returns:
        Seconds as a float; a value of another type unchanged, for pydantic to judge.

    Raises:
        ValueError: If a string is not a duration.
    """
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip().lower())
    if match is None or not any(match.groups()):
        raise ValueError(f"{value!r} is not a duration; write for instance 90s, 25m or 1h30m")
    hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def parse_size(text: str) -> tuple[int, ...]:
    """Reads a size such as `224x224`.

    Raises:
        ConfigError: If it is not one.
    """
    match = re.fullmatch(r"[1-9]\d{0,8}(x[1-9]\d{0,8})*", text.strip().lower())
    if match is None:
        raise ConfigError(f"the size is {text!r}; expected for instance 224x224")
    return tuple(int(part) for part in match[0].split("x"))


Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0, allow_inf_nan=False)]


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )


class RankingSettings(_Settings):
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


class TrainingSettings(_Settings):
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


class RunSettings(_Settings):
    """What `prune-mi optimize` and `prune-mi search` have in common.

    Attributes:
        data: A data set's name, or the path of an `.npz`, an image folder or a
            cifar-10-batches-py folder.
        output: Of a model with several outputs, the name of the one to keep accurate.
        budget: Wall-clock seconds for the whole run; None trains by epochs alone.
        generations: Generations at most.
        children: Children proposed a generation.
        trained_children: How many of them get a long training, after a heat for up to three times
            as many; None takes one a worker.
        child_epochs: Passes over the training images a child; a budget may shorten them.
        final_epochs: The same for the winner's final training.
        patience: Generations without an accepted child after which the search stops.
        screening_images: Validation images that untrained children are scored on.
        calibration_images: Training images that batch-norm statistics are recalibrated on.
        freeze: Regular expressions for whole names of layers whose weights stay as they are.
        protect: The same for layers that are neither removed nor narrowed.
        workers: Child processes, one thread each; None takes one a core.
    """

    data: str
    output: str | None = None
    budget: Duration | None = None
    generations: int = Field(default=5, ge=1)
    children: int = Field(default=8, ge=1)
    trained_children: int | None = Field(default=None, ge=1)
    child_epochs: float = Field(default=2.0, gt=0)
    final_epochs: float = Field(default=6.0, gt=0)
    patience: int = Field(default=3, ge=1)
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
        morphs: Morphisms a child at most; None takes one for every three units that can go, but no
            fewer than 5.
        max_accuracy_drop: Validation accuracy that may be lost, as a fraction.
        objective: What is made small; `accuracy` is the paper's own objective.
        mix: Name of a mix of morphisms, or morphism names with their weights.
        control: Whether to train the unpruned model equally.
    """

    morphs: int | None = Field(default=None, ge=1)
    max_accuracy_drop: float = Field(default=0.01, ge=0, lt=1)
    objective: Objective = "macs"
    mix: str | dict[str, float] = "deletion-heavy"
    control: bool = True


class SearchSettings(RunSettings):
    """Everything `prune-mi search` can be told; the command line and YAML set the same fields.

    What a method fixes where nothing else is said stands in `stages/methods.py`.

    Attributes:
        method: `nash`, `random` and `mi` follow DEIM 2019 A3-4; `default` is this project's own.
        mix: Name of a mix of morphisms, morphism names with their weights, or `adaptive` or
            `bandit`, which learn it; None takes the method's.
        morphs: Morphisms a child in the first generation.
        morphs_final: The same in the last generation.
        morph_decay: How the one becomes the other.
        target_accuracy: Validation accuracy at which the search may stop.
        same_structure: Generations in which the best structure has stayed the same after which the
            search stops; None never does for that.
        weights: Whether a child that has lost layers keeps its weights, repaired, or is trained
            from fresh ones; None takes the method's.
        share_weights: Whether a child inherits what a sibling of its parent has trained.
        ensemble: Models to average in the end; 1 makes none.
        head: How the seed's features become a vector: averaged over the image, or flattened; None
            takes the method's.
        width: Channels of the seed's convolution.
        image_size: Side in pixels that the images of a folder are resized to; None goes by them.
        max_params: Weights that a child may have at most.
    """

    method: Method = "default"
    children: int = Field(default=5, ge=1)
    mix: str | dict[str, float] | None = None
    morphs: int = Field(default=5, ge=1)
    morphs_final: int | None = Field(default=None, ge=1)
    morph_decay: MorphDecay = "none"
    child_epochs: float = Field(default=5.0, gt=0)
    final_epochs: float = Field(default=15.0, gt=0)
    patience: int = Field(default=5, ge=1)
    target_accuracy: float | None = Field(default=None, gt=0, le=1)
    same_structure: int | None = Field(default=None, ge=1)
    weights: Weights | None = None
    share_weights: bool = False
    ensemble: int = Field(default=1, ge=1)
    head: SeedHead | None = None
    width: int = Field(default=16, ge=1, le=512)
    image_size: int | None = Field(default=None, ge=4, le=1024)
    max_params: int | None = Field(default=None, ge=1)
    training: TrainingSettings = TrainingSettings(distillation=0.0)


_S = TypeVar("_S", bound=RunSettings)


def make_settings(values: Mapping[str, Any]) -> OptimizeSettings:
    """Validates settings of `optimize`; see `validated`."""
    return validated(OptimizeSettings, values)


def make_search_settings(values: Mapping[str, Any]) -> SearchSettings:
    """Validates settings of `search`; see `validated`."""
    return validated(SearchSettings, values)


def validated(kind: type[_S], values: Mapping[str, Any]) -> _S:
    """Validates settings of one kind of run.

    Raises:
        ConfigError: Names every offending setting, what it was and what it may be.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_explain(error, kind)) from error


def load_settings(path: Path, **overrides: Any) -> OptimizeSettings:
    """Reads a YAML file of settings; `overrides` that are not None win over the file.

    Raises:
        ConfigError: If the file cannot be read or a setting is wrong.
    """
    return make_settings(read_yaml(path) | {k: v for k, v in overrides.items() if v is not None})


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping.

    Raises:
        ConfigError: If the file is missing, is not YAML, or is not a mapping.
    """
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(
            f"{path} holds a {type(loaded).__name__}; expected `name: value` lines, "
            "as in configs/optimize_default.yaml"
        )
    return {str(key): value for key, value in loaded.items()}


def dump_settings(settings: RunSettings) -> str:
    """Writes settings as YAML that `load_settings` reads back to an equal record."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)


def _explain(error: ValidationError, kind: type[BaseModel]) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _known_keys(kind, item["loc"][:-1])
            near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.0)
            lines.append(f"unknown setting `{where}` (did you mean `{near[0]}`?)")
        elif item["type"] == "missing":
            lines.append(f"the setting `{where}` is required")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"`{where}` is {item['input']!r}: {message[:1].lower()}{message[1:]}")
    return "; ".join(lines)


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        nested = model.model_fields[str(part)].annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            model = nested
    return list(model.model_fields)
