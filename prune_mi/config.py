"""Validated settings: frozen, unknown keys refused with the nearest known one, YAML in and out."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

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
        learning_rate: Peak of the cosine schedule of Adam; None goes by how badly the deletion
            hurt and by the size of the weights.
        distillation: Weight of the original model's outputs in the loss, 0 to 1; the rest is the
            labels' cross-entropy.
        temperature: Softens both outputs in the distillation term.
        augmentation: `auto` keeps the flips and shifts that the original model itself tolerates.
    """

    batch_size: int = Field(default=64, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    distillation: float = Field(default=0.7, ge=0, le=1)
    temperature: float = Field(default=2.0, gt=0)
    augmentation: Augmentation = "auto"


class OptimizeSettings(_Settings):
    """Everything `prune-mi optimize` can be told; the command line and YAML set the same fields.

    Attributes:
        data: A data set's name, or the path of an `.npz`, an image folder or a
            cifar-10-batches-py folder.
        output: Of a model with several outputs, the name of the one to keep accurate.
        budget: Wall-clock seconds for the whole run; None trains by epochs alone.
        generations: Generations at most.
        children: Children proposed and screened a generation.
        trained_children: How many of them get a long training, after a heat for up to three times
            as many; None takes one a worker.
        morphs: Morphisms a child at most; None takes one for every three units that can go, but no
            fewer than 5.
        child_epochs: Passes over the training images a child; a budget may shorten them.
        final_epochs: The same for the winner's final training.
        patience: Generations without an accepted child after which the search stops.
        max_accuracy_drop: Validation accuracy that may be lost, as a fraction.
        objective: What is made small; `accuracy` is the paper's own objective.
        mix: Name of a mix of morphisms, or morphism names with their weights.
        screening_images: Validation images that untrained children are scored on.
        calibration_images: Training images that batch-norm statistics are recalibrated on.
        freeze: Regular expressions for whole names of layers whose weights stay as they are.
        protect: The same for layers that are neither removed nor narrowed.
        workers: Child processes, one thread each; None takes one a core.
        control: Whether to train the unpruned model equally.
    """

    data: str
    output: str | None = None
    budget: Duration | None = None
    generations: int = Field(default=5, ge=1)
    children: int = Field(default=8, ge=1)
    trained_children: int | None = Field(default=None, ge=1)
    morphs: int | None = Field(default=None, ge=1)
    child_epochs: float = Field(default=2.0, gt=0)
    final_epochs: float = Field(default=6.0, gt=0)
    patience: int = Field(default=3, ge=1)
    max_accuracy_drop: float = Field(default=0.01, ge=0, lt=1)
    objective: Objective = "macs"
    scaling: Scaling = "auto"
    validation: Validation = "auto"
    mix: str | dict[str, float] = "deletion-heavy"
    screening_images: int = Field(default=1000, ge=20)
    calibration_images: int = Field(default=512, ge=16)
    freeze: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    workers: int | None = Field(default=None, ge=1)
    control: bool = True
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    ranking: RankingSettings = RankingSettings()
    training: TrainingSettings = TrainingSettings()


def make_settings(values: Mapping[str, Any]) -> OptimizeSettings:
    """Validates settings.

    Raises:
        ConfigError: Names every offending setting, what it was and what it may be.
    """
    try:
        return OptimizeSettings.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error


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


def dump_settings(settings: OptimizeSettings) -> str:
    """Writes settings as YAML that `load_settings` reads back to an equal record."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _known_keys(item["loc"][:-1])
            near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.0)
            lines.append(f"unknown setting `{where}` (did you mean `{near[0]}`?)")
        elif item["type"] == "missing":
            lines.append(f"the setting `{where}` is required")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"`{where}` is {item['input']!r}: {message[:1].lower()}{message[1:]}")
    return "; ".join(lines)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = OptimizeSettings
    for part in location:
        nested = model.model_fields[str(part)].annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            model = nested
    return list(model.model_fields)
