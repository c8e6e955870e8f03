"""Settings of `prune-mi search`, and what each of its methods takes where nothing was said."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import model_validator

from prune_mi.config.declare import CHANGE, CONTROL, INPUT, OUTPUT, TIME, setting
from prune_mi.config.settings import RunSettings
from prune_mi.config.values import (
    ImageSize,
    Method,
    MorphDecay,
    Scaling,
    SeedHead,
    Validation,
    Weights,
)

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
_BY_METHOD = "depends on the method"
_RATES = {"muon": 3e-3, "adam": 3e-3, "sgd": 0.05}


def _said(values: Any) -> Any:
    """A mapping without what is None, which says nothing; anything else as it is."""
    if not isinstance(values, dict):
        return values
    return {key: value for key, value in values.items() if value is not None}


class SearchSettings(RunSettings):
    """Everything `prune-mi search` can be told; the command line and YAML set the same fields."""

    scaling: Scaling = setting(
        "auto",
        "With --from: input scaling that the model was trained with, as for optimize.",
        panel=INPUT,
    )
    output: str | None = setting(
        None,
        "With --from, for a model with several outputs: the name of the output to improve.",
        panel=INPUT,
        words="the only one",
    )
    validation: Validation = setting(
        "auto", "With --from: source of the validation images, as for optimize.", panel=CONTROL
    )
    image_size: ImageSize | None = setting(
        None,
        "Resize the images of a folder to this size, such as 64x64.",
        panel=INPUT,
        words="their median size, at most 64 pixels",
    )
    generations: int = setting(5, "Maximum number of generations.", panel=TIME, ge=1)
    children: int = setting(
        5,
        "Number of changed networks (children) to train in a generation.",
        panel=TIME,
        ge=1,
    )
    trained_children: int | None = setting(
        None,
        "Children of the default method that are trained to the end.",
        words="a third of the children; with --budget: one for each worker",
        ge=1,
    )
    child_epochs: float = setting(
        5.0,
        "Training epochs for a child.",
        panel=TIME,
        words="5; more for few images or with --budget",
        gt=0,
    )
    final_epochs: float = setting(
        30.0,
        "Epochs in the final training of the best network.",
        panel=TIME,
        words="30; more for few images or with --budget",
        gt=0,
    )
    target_accuracy: float | None = setting(
        None,
        "Stop at this validation accuracy, a fraction such as 0.95.",
        panel=TIME,
        words="none",
        gt=0,
        le=1,
    )
    patience: int = setting(
        5, "Stop after this many generations without a better network.", panel=TIME, ge=1
    )
    same_structure: int | None = setting(
        None,
        "Stop after this many generations in which the best structure stays the same.",
        panel=TIME,
        words="never",
        ge=1,
    )
    method: Method = setting(
        "default",
        "default, or a method of the DEIM 2019 paper: nash (adds layers and shortcuts), random "
        "(adds layers, and removes some at random) or mi (as random, and also tries each trained "
        "child without its lowest-ranked layer).",
        panel=CHANGE,
    )
    mix: str | dict[str, float] = setting(
        ...,
        "How often each kind of change is tried: uniform, nash, nash2017, growth, human or "
        "deletion-heavy. Learned during the run: adaptive or bandit. In a file also the changes' "
        "names with weights.",
        panel=CHANGE,
        words=_BY_METHOD,
    )
    morphs: int = setting(
        5,
        "Number of changes in a child, in the first generation.",
        panel=CHANGE,
        words=_BY_METHOD,
        ge=1,
    )
    morphs_final: int | None = setting(
        None, "The same in the last generation.", panel=CHANGE, words=_BY_METHOD, ge=1
    )
    morph_decay: MorphDecay = setting(
        "none",
        "How the number of changes falls in between: none, linear or exponential.",
        panel=CHANGE,
        words=_BY_METHOD,
    )
    weights: Weights = setting(
        ...,
        "Weights of a child that has lost layers: inherit (from its parent, repaired) or scratch "
        "(new ones).",
        panel=CHANGE,
        words=_BY_METHOD,
    )
    share_weights: bool = setting(
        False,
        "Let children also inherit weights from the siblings of their parent.",
        panel=CHANGE,
        switch="--share-weights",
    )
    max_params: int | None = setting(
        None, "Maximum number of parameters in a network.", panel=CHANGE, words="none", ge=1
    )
    head: SeedHead = setting(
        ...,
        "How images become a vector in the seed: gap (global average pooling) or flatten.",
        words=_BY_METHOD,
    )
    hidden: int = setting(
        0,
        "Units of a dense layer before the seed's last one. 0: none.",
        words=_BY_METHOD,
        ge=0,
        le=4096,
    )
    batch_norm: bool = setting(
        ..., "Whether the seed's convolution has a batch norm.", words=_BY_METHOD
    )
    width: int = setting(16, "Channels of the seed's convolution.", ge=1, le=512)
    ensemble: int = setting(
        1,
        "Also write the average of this many of the best networks.",
        panel=OUTPUT,
        words="1, no average",
        ge=1,
    )

    @model_validator(mode="before")
    @classmethod
    def _of_the_method(cls, values: Any) -> Any:
        """Fills in what the method takes where nothing was said."""
        if not isinstance(values, dict):
            return values
        method = values.get("method", "default")
        method = method if isinstance(method, str) else "default"
        given = _said(values)
        ranking, training = (_said(given.get(group, {})) for group in ("ranking", "training"))
        if isinstance(ranking, dict) and method in _CRITERIA:
            ranking = {"criterion": _CRITERIA[method], "num_seeds": 1, **ranking}
        if isinstance(training, dict):
            optimizer = str(training.get("optimizer", "adam"))
            own = dict(_OWN_TRAINING if method == "default" else _PAPERS_TRAINING)
            if optimizer != "adam":
                own.pop("learning_rate", None)
            rate = {"learning_rate": _RATES.get(optimizer), "distillation": 0.0}
            training = {"optimizer": optimizer, **rate, **own, **training}
        own = dict(_METHODS.get(method, _METHODS["default"]))
        if isinstance(given.get("morphs"), int) and "morphs_final" in own:
            own["morphs_final"] = min(own["morphs_final"], given["morphs"])
        return {**own, **given, "ranking": ranking, "training": training}

    @property
    def is_own_method(self) -> bool:
        """Whether children are raced and bounded in size, and equally good ones judged by size."""
        return self.method == "default"

    @property
    def keeps_seed_layers(self) -> bool:
        """Whether networks that shrink again never have fewer layers than the seed."""
        return self.method in ("random", "mi")

    @property
    def tries_deletions(self) -> bool:
        """Whether each trained child is tried without its least layer."""
        return self.method == "mi"

    def for_data(self, num_images: int) -> Self:
        """The same with more epochs for few images, or under a budget, where the user named none.

        A network learns by steps: an epoch of a thousand images has too few of them. A budget is
        to be used: trainings end when their share of it does, and epochs hardly bound them.
        """
        least = {"child_epochs": _CHILD_IMAGES, "final_epochs": _FINAL_IMAGES}
        often = 1 if self.budget is None else _TIMES_IN_A_BUDGET
        update = {
            name: often * max(getattr(self, name), images / max(num_images, 1))
            for name, images in least.items()
            if name not in self.model_fields_set
        }
        return self.model_copy(update=update)
