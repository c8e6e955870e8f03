"""Settings of `prune-mi search`, and what each of its methods takes where nothing was said."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from prune_mi.config.settings import RunSettings
from prune_mi.config.values import ImageSize, Method, MorphDecay, SeedHead, Weights

# What a method takes where nothing else is said.
_PAPERS_SEED = {"head": "flatten", "hidden": 64, "batch_norm": False}
_PAPERS_TRAINING = {"learning_rate": 1e-3}
# Of few images there are few steps: batches half as large make twice as many of them.
_OWN_TRAINING = {"batch_size": 32}
_METHODS: Mapping[str, Mapping[str, Any]] = {
    "default": {
        **{"mix": "growth", "weights": "inherit", "head": "gap", "batch_norm": True},
        **{"morphs": 6, "morphs_final": 2, "morph_decay": "linear"},
    },
    "nash": {"mix": "nash", "weights": "inherit", **_PAPERS_SEED},
    "random": {"mix": "uniform", "weights": "scratch", **_PAPERS_SEED},
    "mi": {"mix": "uniform", "weights": "scratch", **_PAPERS_SEED},
}
_CRITERIA = {"mi": "paper"}
_CHILD_IMAGES, _FINAL_IMAGES = 20_000, 60_000  # that a training sees at least
_TIMES_IN_A_BUDGET = 4
_RATES = {"adam": 3e-3, "sgd": 0.05}


class SearchSettings(RunSettings):
    """Everything `prune-mi search` can be told; the command line and YAML set the same fields.

    Attributes:
        method: `nash`, `random` and `mi` follow DEIM 2019 A3-4; `default` is this project's own.
        mix: Name of a mix of morphisms, morphism names with their weights, or `adaptive` or
            `bandit`, which learn it; nothing said takes the method's, here and below.
        generations: Generations at most.
        trained_children: Children of the default method that are trained to the end; None takes one
            for three of `children`, or under a budget one a worker.
        morphs: Morphisms a child in the first generation.
        morphs_final: The same in the last generation.
        morph_decay: How the one becomes the other.
        child_epochs, final_epochs: As for `optimize`; where nothing is said, more for few images
            and under a budget: see `for_data`.
        target_accuracy: Validation accuracy at which the search may stop.
        same_structure: Generations in which the best structure has stayed the same after which the
            search stops; None never does for that.
        weights: Whether a child that has lost layers keeps its weights, repaired, or is trained
            from fresh ones.
        share_weights: Whether a child inherits what a sibling of its parent has trained.
        ensemble: Models to average in the end; 1 makes none.
        head: How the maps of the seed become a vector: `gap`, global average pooling, or `flatten`.
        hidden: Units of a dense layer before the seed's last one; 0 for none.
        batch_norm: Whether the seed's convolution has one.
        width: Channels of the seed's convolution.
        image_size: Height and width in pixels that the images of a folder are resized to, such as
            `64x64`; None goes by the images.
        max_params: Weights that a child may have at most.
    """

    method: Method = "default"
    generations: int = Field(default=5, ge=1)
    children: int = Field(default=5, ge=1)
    mix: str | dict[str, float]
    morphs: int = Field(default=5, ge=1)
    morphs_final: int | None = Field(default=None, ge=1)
    morph_decay: MorphDecay = "none"
    child_epochs: float = Field(default=5.0, gt=0)
    final_epochs: float = Field(default=30.0, gt=0)
    patience: int = Field(default=5, ge=1)
    target_accuracy: float | None = Field(default=None, gt=0, le=1)
    same_structure: int | None = Field(default=None, ge=1)
    weights: Weights
    share_weights: bool = False
    ensemble: int = Field(default=1, ge=1)
    head: SeedHead
    hidden: int = Field(default=0, ge=0, le=4096)
    batch_norm: bool
    width: int = Field(default=16, ge=1, le=512)
    image_size: ImageSize | None = None
    max_params: int | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _of_the_method(cls, values: Any) -> Any:
        """Fills in what the method takes where nothing was said."""
        if not isinstance(values, dict):
            return values
        method = values.get("method", "default")
        known = _METHODS.get(method) if isinstance(method, str) else None
        given = {key: value for key, value in values.items() if value is not None}
        for group in ("ranking", "training"):
            if isinstance(given.get(group, {}), dict):
                said = given.get(group, {})
                given[group] = {key: value for key, value in said.items() if value is not None}
        if isinstance(given["ranking"], dict) and isinstance(method, str) and method in _CRITERIA:
            given["ranking"] = {"criterion": _CRITERIA[method], "num_seeds": 1, **given["ranking"]}
        if isinstance(given["training"], dict):
            optimizer = str(given["training"].get("optimizer", "adam"))
            own = dict(_OWN_TRAINING if method == "default" else _PAPERS_TRAINING)
            if optimizer != "adam":
                own.pop("learning_rate", None)
            rate = {"learning_rate": _RATES.get(optimizer), "distillation": 0.0}
            given["training"] = {**rate, **own, **given["training"]}
        own = dict(known or _METHODS["default"])
        if isinstance(given.get("morphs"), int) and "morphs_final" in own:
            own["morphs_final"] = min(own["morphs_final"], given["morphs"])
        return {**own, **given}

    def for_data(self, num_images: int) -> Self:
        """The same with more epochs for few images, or under a budget, where the user named none.

        A network learns by steps: an epoch of a thousand images has too few of them. A budget is
        to be used: trainings end when their share of it does, and epochs hardly bound them.

        Args:
            num_images: Training images.
        """
        least = {"child_epochs": _CHILD_IMAGES, "final_epochs": _FINAL_IMAGES}
        often = 1 if self.budget is None else _TIMES_IN_A_BUDGET
        update = {
            name: often * max(getattr(self, name), images / max(num_images, 1))
            for name, images in least.items()
            if name not in self.model_fields_set
        }
        return self.model_copy(update=update)
