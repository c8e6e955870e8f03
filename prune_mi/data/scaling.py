"""Input scalings: what was done to the pixels before the model saw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal, get_args

import numpy as np

from prune_mi.data.chunks import chunks
from prune_mi.errors import DataError

ScalingKind = Literal["none", "unit", "signed", "standardize", "mean-image", "caffe", "torch"]

SCALING_KINDS: tuple[ScalingKind, ...] = get_args(ScalingKind)
COLOUR_KINDS: tuple[ScalingKind, ...] = ("caffe", "torch")
"""Those that are for three colours alone."""

_DESCRIPTIONS: dict[ScalingKind, str] = {
    "none": "none (raw pixel values)",
    "unit": "unit (0 to 1)",
    "signed": "signed (-1 to 1)",
    "standardize": "standardize (each channel to mean 0 and deviation 1)",
    "mean-image": "unit minus mean image",
    "caffe": "caffe (blue, green, red, each less its mean on ImageNet)",
    "torch": "torch (0 to 1, each colour less its mean on ImageNet, divided by its deviation)",
}

# keras.applications.imagenet_utils; of pixels 0..255 in blue, green, red, and of 0..1 in red first.
_CAFFE_MEANS = (103.939, 116.779, 123.68)
_TORCH_MEANS, _TORCH_DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What cameras and X-ray detectors fill of 16 bits: 8, 10, 12 or 14 of them.
_PARTLY_FILLED = (255.0, 1023.0, 4095.0, 16383.0)


@dataclass(frozen=True, slots=True, eq=False)
class InputScaling:
    """Maps raw pixels x to `(x - offset) / scale`.

    Attributes:
        kind: Which of the usual scalings this is.
        offset: float32, in raw pixel values, broadcast against one image; None subtracts nothing.
        scale: float32, likewise; None divides by nothing.
        full: The value of a full-bright raw pixel that it goes by.
        reverses: Whether the channels are turned round first: red, green, blue to blue, green, red.
    """

    kind: ScalingKind
    offset: np.ndarray | None
    scale: np.ndarray | None
    full: float = 255.0
    reverses: bool = False

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Scales a batch.

        Args:
            images: Raw values, any dtype, `(N, H, W, C)`, `(N, H, W)` or `(N, ...)`.

        Returns:
            float32 of the same shape; for `none` of float32 images, the images themselves.
        """
        scaled: np.ndarray = np.asarray(images)
        if self.reverses:
            scaled = np.ascontiguousarray(scaled[..., ::-1])
        if self.offset is not None:
            scaled = np.subtract(scaled, self.offset, dtype=np.float32)
        if self.scale is not None:
            scaled = np.divide(scaled, self.scale, dtype=np.float32)
        return scaled.astype(np.float32, copy=False)

    def describe(self) -> str:
        """The scaling in a few words."""
        return _DESCRIPTIONS[self.kind]


def pixel_range(images: np.ndarray) -> float:
    """The value that a full-bright pixel has.

    Args:
        images: Raw pixel values, not empty.

    Returns:
        1 for images already within [0, 1] or holding negative values (those were scaled before);
        16 as in scikit-learn's digits; 255; or the highest value where that is above 255. Integer
        images count as 0..16 only where they reach 16: darker ones are dark photographs.
    """
    lowest, highest = float(images.min()), float(images.max())
    if highest <= 1 or lowest < 0:
        return 1.0
    if highest == 16 or (highest < 16 and images.dtype.kind == "f"):
        return 16.0
    return max(255.0, highest)


def scaling_of_range(kind: ScalingKind, full: float) -> InputScaling:
    """`unit` or `signed`, or `caffe` or `torch` for three colours, by the pixel range alone."""
    if kind == "unit":
        return InputScaling(kind, None, np.asarray(full, dtype=np.float32), full)
    if kind == "signed":
        half = np.asarray(full / 2, dtype=np.float32)
        return InputScaling(kind, half, half, full)
    if kind == "caffe":
        # Brought to 255, y = x * 255/R - mean, which is (x - mean * R/255) / (R/255).
        scale = np.asarray(full / 255, dtype=np.float32)
        means = np.asarray(_CAFFE_MEANS, dtype=np.float32)
        return InputScaling(kind, means * scale, scale, full, reverses=True)
    # y = (x/R - mean) / deviation, which is (x - mean * R) / (deviation * R).
    means, deviations = (
        np.asarray(values, dtype=np.float32) * np.float32(full)
        for values in (_TORCH_MEANS, _TORCH_DEVIATIONS)
    )
    return InputScaling(kind, means, deviations, full)


def fit_scaling(
    kind: ScalingKind,
    x_train: np.ndarray,
    *,
    has_channels: bool | None = None,
    full: float | None = None,
) -> InputScaling:
    """Fits one scaling to training images.

    With the pixel range R: `none` is x; `unit` is x/R; `signed` is x/(R/2) - 1; `standardize` is
    (x - mean)/deviation of each channel; `mean-image` is x/R minus its mean at each pixel; `caffe`
    is x/(R/255) in the order blue, green, red, minus ImageNet's means; `torch` is (x/R - mean) /
    deviation of ImageNet (keras.applications.imagenet_utils).

    Args:
        kind: One of `SCALING_KINDS`.
        x_train: Raw values `(N, H, W, C)`, `(N, H, W)` or `(N, ...)`.
        has_channels: Whether the last axis holds channels, or features; None takes arrays
            `(N, H, W)` alone for images without channels.
        full: The value R of a full-bright pixel; None goes by the values, see `pixel_range`.

    Raises:
        ValueError: If the kind is unknown, is for three colours and there are not three channels,
            or there are no images.
    """
    if x_train.size == 0:
        raise ValueError(f"x_train has the shape {x_train.shape}; expected at least one image")
    full = pixel_range(x_train) if full is None else full
    if kind not in SCALING_KINDS:
        raise ValueError(f"scaling is {kind!r}; expected one of {', '.join(SCALING_KINDS)}")
    if kind in COLOUR_KINDS and (x_train.ndim != 4 or x_train.shape[-1] != 3):
        raise ValueError(
            f"scaling is {kind!r}, but samples have the shape {x_train.shape[1:]}; "
            "expected images of three colours"
        )
    if kind == "none":
        return InputScaling(kind, None, None, full)
    if kind == "standardize":
        channels = x_train.ndim != 3 if has_channels is None else has_channels
        mean, deviation = _channel_statistics(x_train, has_channels=channels)
        return InputScaling(kind, mean.astype(np.float32), deviation.astype(np.float32), full)
    if kind == "mean-image":
        # x/R - mean(x/R) = (x - mean(x)) / R
        mean = _mean_image(x_train).astype(np.float32)
        return InputScaling(kind, mean, np.asarray(full, dtype=np.float32), full)
    return scaling_of_range(kind, full)


def candidate_scalings(
    x_train: np.ndarray,
    *,
    kinds: Sequence[ScalingKind] = SCALING_KINDS,
    has_channels: bool | None = None,
    coloured: bool,
    full: float | None = None,
) -> tuple[InputScaling, ...]:
    """Fits every scaling that is worth trying, in the order of `SCALING_KINDS`.

    Args:
        x_train: Raw values `(N, H, W, C)`, `(N, H, W)` or `(N, ...)`.
        kinds: Those to try.
        has_channels: See `fit_scaling`.
        coloured: Whether samples are images of three colours.
        full: The value of a full-bright pixel where the files say it. Where they hold fewer bits
            than they have room for, `unit` and `signed` are tried by the range that is used, too.

    Returns:
        All, less `unit` where the pixels already are in [0, 1] and it equals `none`, and less
        those for three colours where there are not three or they were scaled before.
    """
    by_value = pixel_range(x_train)
    is_scaled = by_value == 1 and float(x_train.min()) < 0
    skipped = {"unit"} if by_value == 1 and full is None else set()
    skipped |= set() if coloured and not is_scaled else set(COLOUR_KINDS)
    tried = [
        fit_scaling(kind, x_train, has_channels=has_channels, full=full)
        for kind in kinds
        if kind not in skipped or len(kinds) == 1
    ]
    if full is not None:
        highest = float(x_train.max())
        used = next((each for each in _PARTLY_FILLED if highest <= each), full)
        if used < full:
            narrow = [kind for kind in kinds if kind in ("unit", "signed")]
            tried += [fit_scaling(kind, x_train, full=used) for kind in narrow]
    return tuple(tried)


def reversed_colours(scaling: InputScaling) -> InputScaling:
    """The same scaling of images whose colours come in the other order, blue, green, red."""
    return replace(scaling, reverses=not scaling.reverses)


def choose_scaling(
    accuracies: Mapping[str, float], *, num_samples: int, num_classes: int, majority_share: float
) -> str:
    """Names the scaling under which the model classifies best.

    Args:
        accuracies: Accuracy in [0, 1] under each scaling, all on the same training images.
        num_samples: How many images that was.
        num_classes: Classes that the model tells apart.
        majority_share: Share of the commonest class in those images, in [0, 1].

    Returns:
        The best one's name, the first of equals.

    Raises:
        DataError: If even the best does not beat chance clearly.
        ValueError: If there is nothing to choose from.
    """
    if not accuracies or num_samples < 1:
        raise ValueError(
            f"received {len(accuracies)} accuracies over {num_samples} images; "
            "expected at least one of each"
        )
    best = max(accuracies, key=lambda name: accuracies[name])
    # Chance is the better of guessing at random and always naming the commonest class.
    chance = max(1 / num_classes, majority_share)
    needed = clearly_above(chance, num_samples)
    if not accuracies[best] > needed:
        scores = ", ".join(f"{name} {accuracy:.4f}" for name, accuracy in accuracies.items())
        raise DataError(
            "the model is not clearly better than chance with any input scaling: its accuracy on "
            f"{num_samples} training images is {scores}; expected more than {needed:.4f}, chance "
            f"is {chance:.4f}. The model was probably not trained on this data, or its classes are "
            "in another order; pass the data that it was trained on, the order of its classes "
            "(--classes), or its scaling (--scaling)"
        )
    return best


def clearly_above(chance: float, num_samples: int) -> float:
    """The accuracy that a model of use exceeds on so many samples.

    Three binomial standard errors: the best of five candidates gets there by luck in under 1 % of
    cases (5 x 0.00135). With many images that alone is a hair, which any model of related data
    clears; 0.05 asks for use, not only significance. Where the commonest class leaves less than 0.1
    of room above chance, half of that room is asked for, or no model could pass.
    """
    standard_error = sqrt(chance * (1 - chance) / num_samples)
    return chance + max(3 * standard_error, min(0.05, (1 - chance) / 2))


def _mean_image(images: np.ndarray) -> np.ndarray:
    total = np.zeros(images.shape[1:], dtype=np.float64)
    for chunk in chunks(images):
        total += chunk.sum(axis=0, dtype=np.float64)
    return total / len(images)


def _channel_statistics(images: np.ndarray, *, has_channels: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation, float64 `(C,)`, or `()` for images without a channel axis."""
    axes = tuple(range(images.ndim - 1 if has_channels else images.ndim))
    mean = _mean_image(images).mean(axis=tuple(axis - 1 for axis in axes[1:]))
    squares = np.zeros_like(mean)
    # The second pass is what keeps the variance free of cancellation.
    for chunk in chunks(images):
        squares = squares + np.square(chunk - mean).sum(axis=axes)
    deviation = np.sqrt(squares * mean.size / images.size)
    # A constant channel is only shifted.
    return mean, np.where(deviation > 0, deviation, 1.0)
