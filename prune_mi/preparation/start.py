"""Where a run starts: a model that is trained already, or a seed that is trained first."""

import numpy as np

from prune_mi.config import RunSettings, SearchSettings
from prune_mi.data import NOT_VARIED, AugmentationPolicy, Dataset, fit_scaling
from prune_mi.errors import ConfigError
from prune_mi.graph.construction.seed import seed_graph
from prune_mi.graph.cost import graph_cost, training_step_cost
from prune_mi.graph.interface.packing import pack
from prune_mi.graph.layer_selection import with_frozen_and_protected
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.keras_io.saving.save import h5_can_hold
from prune_mi.preparation.loading import load_fitting_data, open_source
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.search_data import load_data_for_search
from prune_mi.preparation.seed import seed_for
from prune_mi.records import Cost, ModelSource, Observer
from prune_mi.tasks.catalog import task_of
from prune_mi.tasks.head import Head
from prune_mi.tasks.judge import judge_of
from prune_mi.training.plan import LossPlan

# The one convolution of a seed reads one channel or three; a second one, as wide, costs far more.
_SEEDS = 12


def open_model(
    source: ModelSource, settings: RunSettings, observer: Observer, *, compiles: bool = True
) -> tuple[LoadedModel, Dataset]:
    """Opens a model and its data.

    Args:
        source: The model file.
        settings: Name the data.
        observer: Hears what was decided.
        compiles: Whether it is compiled as it was, which shows whether the result can be.

    Raises:
        PruneMIError: As loading either does.
    """
    loaded = open_source(source)
    notes: list[str | None] = [*loaded.notes]
    if compiles:
        notes.append(compile_like(loaded.model, loaded.compile_config))
    if compiles and loaded.is_h5 and not h5_can_hold(loaded.model):
        notes.append(
            "The model has operations that HDF5 files cannot hold. The result is written only as "
            ".keras."
        )
    if compiles and loaded.name and loaded.compile_config is None:
        notes.append("The model is not compiled, and so the result will not be either.")
    for note in notes:
        if note is not None:
            observer.note(note)
    return loaded, load_fitting_data(loaded, settings, observer, beside=source.path)


def require_growable(profile: Profile, settings: SearchSettings) -> None:
    """Refuses settings that do not go with a model that a search begins with.

    Raises:
        ConfigError: If one does not.
    """
    if settings.ensemble > 1 and not profile.packing.has_one_end:
        raise ConfigError(
            f"`ensemble` is {settings.ensemble}, but the model has several inputs or outputs, "
            "which cannot be averaged; expected 1"
        )
    _require_size(settings, seed_cost=graph_cost(profile.packing.original))


def load_seed_data(settings: SearchSettings, observer: Observer) -> Dataset:
    """The data of a search from nothing.

    Raises:
        DataError: If the data cannot be loaded or learned from.
        ConfigError: If a setting speaks of what a seed does not have.
    """
    if settings.training.distillation > 0:
        raise ConfigError(
            f"`training.distillation` is {settings.training.distillation}, but a search from "
            "scratch has no trained model to learn from; expected 0"
        )
    refuse(
        settings,
        "a search from scratch, which starts without a trained model",
        scaling="auto",
        output=None,
        classes=None,
        allow_weak_model=False,
        validation=("auto", "train"),
    )
    return load_data_for_search(settings.data, observer, image_size=settings.image_size)


def seed_profile(data: Dataset, settings: SearchSettings) -> Profile:
    """The minimal seed, which takes raw samples: what scales them is part of it.

    Raises:
        ConfigError: If a setting does not go with it.
    """
    graph = seed_for(
        data,
        rng=np.random.default_rng((settings.seed, 4)),
        width=settings.width,
        head=settings.head,
        hidden=settings.hidden or None,
        batch_norm=settings.batch_norm,
    )
    graph = with_frozen_and_protected(graph, freeze=settings.freeze, protect=settings.protect)
    _require_size(settings, seed_cost=graph_cost(graph))
    task = task_of("classification")
    judge = judge_of(task, task.metrics[0], Head((data.num_classes,)), data.y_train)
    return Profile(
        packing=pack(graph),
        judge=judge,
        loss=LossPlan(),
        others=(),
        scaling=fit_scaling("none", data.x_train),
        augmentation=_asked_augmentation(data.image_shape, settings),
        calibration=NOT_VARIED,
    )


def usual_work(data: Dataset) -> float:
    """What training steps of networks for such data may cost; 0 where no seed is made for them."""
    if data.input_shapes or len(data.image_shape) not in (1, 3):
        return 0.0
    seed = seed_graph(
        data.image_shape,
        data.num_classes,
        rng=np.random.default_rng(0),
        head="gap",
        batch_norm=True,
    )
    return _SEEDS * training_step_cost(seed)


def refuse(settings: SearchSettings, where: str, **allowed: object) -> None:
    """Refuses settings that a kind of start would pass over.

    Raises:
        ConfigError: If one is not as allowed.
    """
    for name, expected in allowed.items():
        choices = expected if isinstance(expected, tuple) else (expected,)
        value = getattr(settings, name)
        if value not in choices:
            told = " or ".join("null" if each is None else str(each) for each in choices)
            raise ConfigError(f"`{name}` is {value!r} in {where}; expected {told}")


def _require_size(settings: SearchSettings, *, seed_cost: Cost) -> None:
    most = settings.max_params
    if most is not None and seed_cost.num_params > most:
        raise ConfigError(
            f"`max_params` is {most}, but the network that the search starts from has "
            f"{seed_cost.num_params} weights; expected at least as many"
        )


def _asked_augmentation(shape: tuple[int, ...], settings: SearchSettings) -> AugmentationPolicy:
    """What the settings name outright; else none, until a network knows enough to tell."""
    asked = settings.training.augmentation
    if asked in ("auto", "none"):
        return NOT_VARIED
    if len(shape) != 3:
        raise ConfigError(
            f"`training.augmentation` is {asked!r}, but samples of the shape {shape} are not "
            "images; expected auto or none"
        )
    return AugmentationPolicy.parse(asked, min(shape[:2]))
