"""What settings may be: words, durations, sizes."""

import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator

from prune_mi.config.handed_over import HandedOver, data_source
from prune_mi.errors import ConfigError

# All there are: each has a file of its own, `costs/kinds/macs.py` and so on.
CostName = Literal["macs", "params", "activations"]
Objective = Literal[CostName, "accuracy"]
# The same of `tasks/multi_label.py` and so on.
TaskName = Literal[
    "classification",
    "binary",
    "multi-label",
    "regression",
    "counts",
    "segmentation",
    "agreement",
]
Scaling = Literal["auto", "none", "unit", "signed", "standardize", "mean-image", "caffe", "torch"]
Validation = Literal["auto", "test", "train"]
# All there are: each has a file of its own, `information/criteria/leave_one_out.py` and so on.
Criterion = Literal[
    "bypass",
    "kmeans",
    "soft",
    "probe",
    "paper",
    "leave-one-out",
    "gate",
    "cka",
    "block-influence",
    "magnitude",
    "random",
]
# The same of `information/channels/magnitude.py` and so on.
ChannelCriterion = Literal["information", "taylor", "magnitude", "random"]
Repair = Literal["least-squares", "variance", "statistics"]
Augmentation = Literal["auto", "none", "flip", "shift", "flip+shift"]
Optimizer = Literal["muon", "adam", "sgd"]
Method = Literal["default", "nash", "random", "mi"]
Weights = Literal["inherit", "scratch"]
MorphDecay = Literal["none", "linear", "exponential"]
SeedHead = Literal["gap", "flatten"]

_CONTROLS = [
    name
    for name in get_args(Criterion)
    if name not in ("bypass", "kmeans", "soft", "probe", "paper")
]
CRITERION_WORDS = (
    "How units are ranked. bypass: what the network's output and last features lose without "
    "the unit. kmeans, soft (Gaussian mixtures) and probe (linear probes): what pooled "
    "features tell about the class. paper: whole feature maps, as in DEIM 2019. For "
    f"comparison: {', '.join(_CONTROLS[:-1])} or {_CONTROLS[-1]}."
)

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(value: object) -> object:
    """Reads a duration such as `90`, `"90s"`, `"25m"` or `"1h30m"` into seconds.

    Args:
        value: A number of seconds, or a string with units h, m, s.

    Returns:
        Seconds as a float; a number or None unchanged, for pydantic to judge.

    Raises:
        ValueError: If anything else is not a duration.
    """
    if value is None or isinstance(value, int | float):
        return value
    match = _DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError("expected a duration such as 90s, 25m or 1h30m")
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


_AMOUNT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([kmg%]?)")
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "%": 0.01}


def parse_amount(value: object) -> object:
    """Reads what a cost may be: `0.5` or `50%` of it, or `6M`, `800k` or `6000000` in all.

    Args:
        value: A number, or a string with one of the units k, M, G and %.

    Returns:
        A float, at most 1 where it is a share; a number or None unchanged, for pydantic to judge.

    Raises:
        ValueError: If anything else is not an amount.
    """
    if value is None or isinstance(value, int | float):
        return value
    match = _AMOUNT.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a share that remains, such as 0.5, or an amount such as 6M")
    amount = float(match[1]) * _SCALES[match[2]]
    if match[2] == "%" and amount > 1:
        raise ValueError("expected a share of at most 100%, or an amount such as 6M")
    return amount


Amount = Annotated[float, BeforeValidator(parse_amount), Field(gt=0, allow_inf_nan=False)]


def _image_size(value: object) -> object:
    wrong = ValueError("expected a height and a width, for instance 64x64")
    if isinstance(value, str):
        try:
            value = parse_size(value)
        except ConfigError as error:
            raise wrong from error
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise wrong
    return value


ImageSize = Annotated[tuple[int, int], BeforeValidator(_image_size)]


def _patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        try:
            re.compile(each)
        except re.error as error:
            raise ValueError(
                f"regular expressions, such as 'conv2d_1' or 'block1_.*' ({each!r} is no regular "
                f"expression: {error})"
            ) from error
    return value


Patterns = Annotated[tuple[str, ...], AfterValidator(_patterns)]


def _class_list(value: object) -> object:
    """Names of classes, or a text that `data.class_order` reads; numbers are names, too."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(
        isinstance(each, str | int) and not isinstance(each, bool) for each in value
    ):
        return tuple(str(each) for each in value)
    raise ValueError(
        "expected a list of names or numbers of classes, or the path of a file of them"
    )


ClassList = Annotated[str | tuple[str, ...], BeforeValidator(_class_list)]

ClassWeights = Literal["balanced"] | tuple[Annotated[float, Field(ge=0)], ...]

# Written as a text, whatever it is: `config.yaml` and events hold no arrays.
DataSource = Annotated[
    str | HandedOver, PlainValidator(data_source), PlainSerializer(str, return_type=str)
]
