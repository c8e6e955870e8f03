"""Who sees which images: to learn from, to choose by, to measure on."""

from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import Dataset, stratified_sample, stratified_split
from prune_mi.data.strata import strata
from prune_mi.errors import DataError
from prune_mi.measure.confidence import has_memorized_training

_MEMORY_IMAGES = 2000
_SEARCH_SPLIT = 0.1
_TELLING_IMAGES, _MOST_HELD_OUT = 500, 0.2
_MAX_SEARCH_SPLIT = 5000
_FEWEST_OF_A_CLASS = 2
_DECIDE = "are set aside: networks do not learn from them, and they decide which one is best."


@dataclass(frozen=True, slots=True)
class Roles:
    """Who sees which images.

    Attributes:
        train, validation, unseen: Index arrays into the split that each is taken from.
        validation_source: The split that validation images come from: `val`, `test` or `train`.
        description: The choice and its reason, for the user.
    """

    train: np.ndarray
    validation: np.ndarray
    unseen: np.ndarray
    validation_source: str
    description: str


def search_roles(data: Dataset, settings: RunSettings) -> Roles:
    """Who sees which images where there is no trained model yet that could remember any.

    Raises:
        DataError: If a split is too small for its role.
    """
    if data.y_val is not None and settings.validation == "auto":
        given = _given_validation(data)
        return replace(given, description=f"{len(given.validation)} images {_DECIDE}")
    rng = np.random.default_rng((settings.seed, 1))
    # On few images the most accurate of dozens of models would be the one that was luckiest.
    telling = round(min(_TELLING_IMAGES, _MOST_HELD_OUT * len(data.y_train)))
    least = max(_FEWEST_OF_A_CLASS * data.num_classes, telling)
    roles = _from_training(data, rng, "", least=least)
    held, num = len(roles.validation), len(data.y_train)
    text = f"{held} of the {num} training images, the same share of each class, {_DECIDE}"
    return replace(roles, description=text)


def validation_images(data: Dataset, roles: Roles) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels that selection sees."""
    images, labels = validation_split(data, roles)
    return images[roles.validation], labels[roles.validation]


def validation_split(data: Dataset, roles: Roles) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of which selection sees the rows `roles.validation`."""
    return {name: (x, y) for name, x, y in data.splits()}[roles.validation_source]


def training_sample(data: Dataset, rng: np.random.Generator) -> np.ndarray:
    """Rows of some training images, each class as often as in all: what a model knows of them."""
    return stratified_sample(strata(data.y_train, data.form), size=_MEMORY_IMAGES, rng=rng)


def roles_of_model(
    data: Dataset,
    test_scores: np.ndarray,
    train_scores: np.ndarray,
    settings: RunSettings,
    rng: np.random.Generator,
) -> Roles:
    """Who sees which images where there is a trained model, which may remember some.

    Args:
        data: All images.
        test_scores: What each test image scores, bool or float `(n,)`.
        train_scores: What each of a sample of the training images scores.
        settings: May name the split that validates.
        rng: Draws who validates.

    Raises:
        DataError: If a split is too small for its role.
    """
    if data.y_val is not None and settings.validation == "auto":
        return _given_validation(data)
    source, why = settings.validation, "the setting `validation`"
    if source == "auto":
        remembers = has_memorized_training(train_scores, test_scores)
        source = "test" if remembers else "train"
        why = (
            f"the original {_told_of(train_scores, test_scores)}, "
            f"{'a significant' if remembers else 'no significant'} gap"
        )
    if source == "test":
        unseen, held = stratified_split(strata(data.y_test, data.form), fraction=0.5, rng=rng)
        _require(len(held) and len(unseen), "test", len(data.y_test))
        text = (
            f"Validation: half of the test set, stratified ({len(held)} images). The other half "
            f"({len(unseen)}) is not used until the end. Reason: {why}."
        )
        return Roles(np.arange(len(data.y_train)), held, unseen, "test", text)
    return _from_training(data, rng, why)


def _told_of(known: np.ndarray, new: np.ndarray) -> str:
    if known.dtype == bool:
        return (
            f"is right on {known.mean():.3f} of its training images and {new.mean():.3f} of the "
            "test images"
        )
    return f"scores {known.mean():.3f} on its training images and {new.mean():.3f} on test images"


def _given_validation(data: Dataset) -> Roles:
    num = len(data.y_val) if data.y_val is not None else 0
    text = f"Validation: the {num} validation images of the data."
    everything, whole_test = np.arange(len(data.y_train)), np.arange(len(data.y_test))
    return Roles(everything, np.arange(num), whole_test, "val", text)


def _from_training(data: Dataset, rng: np.random.Generator, why: str, *, least: int = 0) -> Roles:
    num = len(data.y_train)
    fraction = max(min(_SEARCH_SPLIT, _MAX_SEARCH_SPLIT / num), min(least / num, 0.5))
    rest, held = stratified_split(strata(data.y_train, data.form), fraction=fraction, rng=rng)
    _require(len(held) and len(rest), "training", num)
    text = f"Validation: {len(held)} of the training images, stratified. Reason: {why}."
    return Roles(rest, held, np.arange(len(data.y_test)), "train", text)


def _require(enough: int, split: str, size: int) -> None:
    if not enough:
        raise DataError(
            f"the {split} split has {size} images, too few to take validation images from; add "
            "x_val and y_val (or a val/ folder) to the data"
        )
