"""Where a search starts: a seed that is trained first, or a model that is trained already."""

from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import SearchSettings
from prune_mi.data import NOT_VARIED, AugmentationPolicy, Dataset, fit_scaling
from prune_mi.data.class_order import class_names
from prune_mi.errors import ConfigError, RunError
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.tasks import FailedEvaluation
from prune_mi.graph.cost import graph_cost, training_step_cost
from prune_mi.graph.layer_selection import with_frozen_and_protected
from prune_mi.graph.packing import pack
from prune_mi.graph.seed import seed_graph
from prune_mi.keras_io.trust import Trust
from prune_mi.records import Cost, ModelSource, Observer
from prune_mi.search.candidate import Candidate
from prune_mi.stages.loading import load_fitting_data, open_source
from prune_mi.stages.prepare import Understanding, understand
from prune_mi.stages.recipe import (
    TrainingSpeed,
    after_training,
    measured_speed,
    training_task,
)
from prune_mi.stages.roles import (
    Subject,
    measure_original,
    search_roles,
    validation_images,
)
from prune_mi.stages.search_data import load_data_for_search
from prune_mi.stages.search_seed import seed_for
from prune_mi.stages.share import SearchData, reference_candidate, share_data

# The one convolution of a seed reads one channel or three; a second one, as wide, costs far more.
_SEEDS = 12


def _refuse(settings: SearchSettings, where: str, **allowed: object) -> None:
    """Refuses settings that a kind of start would pass over."""
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


@dataclass(frozen=True, slots=True)
class Started:
    """What a search begins with.

    Attributes:
        subject: The start, measured.
        reference: The same as a candidate, with weights.
        data: What children are trained on.
        speed: Of the seed's training; None where none was made.
        images, training_s: What that training saw, and what its steps took.
        usual_work: What a child's training step may cost however little the start's does, see
            `training_step_cost`.
    """

    subject: Subject
    reference: Candidate
    data: SearchData
    speed: TrainingSpeed | None
    images: int = 0
    training_s: float = 0.0
    usual_work: float = 0.0


def _usual_work(data: Dataset) -> float:
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


class SeedStart:
    """The minimal seed, which takes raw samples: what scales them is part of it.

    Args:
        settings: The run's settings.
        observer: Hears what is decided.

    Raises:
        DataError: If the data cannot be loaded or learned from.
        ConfigError: If a setting speaks of what a seed does not have.
    """

    name = "seed"
    trust = Trust()

    def __init__(self, settings: SearchSettings, observer: Observer) -> None:
        if settings.training.distillation > 0:
            raise ConfigError(
                f"`training.distillation` is {settings.training.distillation}, but a search from "
                "scratch has no trained model to learn from; expected 0"
            )
        _refuse(
            settings,
            "a search from scratch, which starts without a trained model",
            scaling="auto",
            output=None,
            classes=None,
            allow_weak_model=False,
            validation=("auto", "train"),
        )
        self._observer = observer
        self.data = load_data_for_search(settings.data, observer, image_size=settings.image_size)
        self.settings = settings.for_data(len(self.data.y_train))
        graph = seed_for(
            self.data,
            rng=np.random.default_rng((settings.seed, 4)),
            width=settings.width,
            head=settings.head,
            hidden=settings.hidden or None,
            batch_norm=settings.batch_norm,
        )
        graph = with_frozen_and_protected(graph, freeze=settings.freeze, protect=settings.protect)
        _require_size(settings, seed_cost=graph_cost(graph))
        self.understanding = Understanding(
            packing=pack(graph),
            num_classes=self.data.num_classes,
            others=(),
            from_logits=False,
            scaling=fit_scaling("none", self.data.x_train),
            augmentation=_asked_augmentation(self.data.image_shape, settings),
            calibration=NOT_VARIED,
        )

    def measured(self, pool: WorkerPool, seconds: float | None) -> Started:
        """The seed after its first training, and what the search works on.

        It is trained as long as a child is.

        Args:
            pool: Where it is trained.
            seconds: Wall clock of that, or None.

        Raises:
            DataError: If a split is too small for its role.
            RunError: If the training failed.
        """
        data, settings, understanding = self.data, self.settings, self.understanding
        roles = search_roles(data, settings)
        self._observer.note(roles.description)
        subject = Subject(
            understanding=understanding,
            roles=roles,
            test_outputs=np.zeros((0, data.num_classes), np.float32),
            val_accuracy=0.0,
            val_correct=np.zeros(len(validation_images(data, roles)[1]), dtype=bool),
            images_per_second=0.0,
            allowed_drop=0.0,
            metric="accuracy",
            start_accuracy=0.0,
        )
        found = share_data(data, subject, settings, pool=pool, most_images=None)
        seed = replace(reference_candidate(subject), accuracy=None)
        task = training_task(
            seed,
            subject,
            settings,
            num_images=max(1, round(settings.child_epochs * found.num_train_images)),
            num_train_images=found.num_train_images,
            seconds=seconds,
        )
        outcome = next(iter(pool.run([task])))
        if isinstance(outcome, FailedEvaluation):
            raise RunError(
                f"the first network could not be trained: {outcome.message}; check the values in "
                "the data, or try a lower learning rate"
            )
        trained = after_training(seed, outcome)
        self._observer.reference(trained.cost, outcome.accuracy)
        understanding = replace(understanding, packing=pack(trained.graph))
        subject = replace(
            subject,
            understanding=understanding,
            val_accuracy=outcome.accuracy,
            start_accuracy=outcome.accuracy,
        )
        # Screening images are a part of the validation images; of the seed, the whole is known.
        found = replace(found, screening_reference=outcome.accuracy)
        return Started(
            subject,
            trained,
            found,
            measured_speed(trained, outcome, None),
            outcome.images_trained,
            outcome.step_seconds,
            usual_work=_usual_work(data),
        )


class ModelStart:
    """A model that is trained already.

    Args:
        source: Its file, and what the user says of it.
        settings: The run's settings.
        observer: Hears what is decided.

    Raises:
        PruneMIError: As loading and understanding a model for `optimize` do.
    """

    def __init__(self, source: ModelSource, settings: SearchSettings, observer: Observer) -> None:
        self._observer = observer
        loaded = open_source(source)
        for note in loaded.notes:
            observer.note(note)
        self.name, self.trust = str(source.path), loaded.trust
        data = load_fitting_data(loaded.model, settings, observer, beside=source.path)
        _refuse(settings, "a search from a model, which sets the image size", image_size=None)
        self.settings = settings.for_data(len(data.y_train))
        self.understanding = understand(
            loaded.model, data, settings, observer, compiled=loaded.compile_config
        )
        arranged = self.understanding.arranged(data)
        self.data = replace(arranged, class_names=class_names(arranged))
        original = self.understanding.packing.original
        if settings.ensemble > 1 and not self.understanding.packing.has_one_end:
            raise ConfigError(
                f"`ensemble` is {settings.ensemble}, but the model has several inputs or outputs, "
                "which cannot be averaged; expected 1"
            )
        _require_size(settings, seed_cost=graph_cost(original))

    def measured(self, pool: WorkerPool, seconds: float | None) -> Started:
        """The model as it is, and what the search works on; `seconds` is of no account."""
        subject = measure_original(
            self.understanding,
            self.data,
            pool=pool,
            settings=self.settings,
            observer=self._observer,
        )
        reference = reference_candidate(subject)
        self._observer.reference(reference.cost, subject.val_accuracy)
        found = share_data(self.data, subject, self.settings, pool=pool, most_images=None)
        return Started(subject, reference, found, None, usual_work=_usual_work(self.data))
