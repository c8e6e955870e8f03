"""What a run begins with, measured, and the arrays that its workers read."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from prune_mi.config import Metric, OptimizeSettings, RunSettings
from prune_mi.data import Dataset, stratified_sample
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.store import SharedData, Store
from prune_mi.graph.ir import LayerGraph
from prune_mi.measure.metric import quality
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.roles import Roles, roles_of_model, validation_images
from prune_mi.records import Observer
from prune_mi.search.candidate import Trained, reference
from prune_mi.training.targets import distillation_targets, log_probabilities

_WARM_UP_IMAGES = 64
MostImages = Callable[[float], int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The images that candidates are trained, ranked and scored on, as they lie in the store.

    Attributes:
        roles: Who sees which images of the data.
        train_labels: Of the images that candidates train on, int `(n,)`, shuffled.
        validation_labels: Of the validation images, int `(m,)`, shuffled.
        order: int `(m,)`, which of `roles.validation` each of these is.
        num_screening: The first validation images, which untrained candidates are scored on.
    """

    roles: Roles
    train_labels: np.ndarray
    validation_labels: np.ndarray
    order: np.ndarray
    num_screening: int

    @property
    def num_train(self) -> int:
        """Images that candidates train on."""
        return len(self.train_labels)


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What a run begins with, measured: a model as it was given, or a seed after its training.

    Attributes:
        profile: What it is, and how it wants its images.
        data: All images, its classes in the model's order.
        images: What the run works on.
        metric: What is kept.
        given: The model as given, with its accuracy, or what else the metric is.
        start: What the search starts from: the same, perhaps with other batch-norm statistics.
        test_outputs: Of the model as given, on the whole test set, the judged output's columns
            first; None where it was not asked yet.
        images_per_second: Evaluation speed of all workers together; 0 where it was not measured.
    """

    profile: Profile
    data: Dataset
    images: Images
    metric: Metric
    given: Trained
    start: Trained
    test_outputs: np.ndarray | None
    images_per_second: float

    @property
    def roles(self) -> Roles:
        """Who sees which images."""
        return self.images.roles

    @property
    def num_classes(self) -> int:
        """Classes of the judged output."""
        return self.profile.num_classes

    @property
    def judged_by(self) -> Trained:
        """What candidates may be so much worse than: as given, where that is right at all."""
        return self.start if self.profile.needs_statistics else self.given

    @property
    def screening_offset(self) -> float:
        """What a sample of the validation images tells too little: added to scores on it."""
        count, whole = self.images.num_screening, self.judged_by
        labels = self.images.validation_labels[:count]
        return whole.quality - quality(whole.scores[:count], labels, self.metric)


def metric_of(settings: RunSettings) -> Metric:
    """What a run keeps."""
    return settings.metric if isinstance(settings, OptimizeSettings) else "accuracy"


def shared_data(store: Store, profile: Profile, settings: RunSettings) -> SharedData:
    """How workers are to read the arrays that will lie in a store."""
    return SharedData(
        store=store,
        scaling=profile.scaling,
        screening_images=settings.screening_images,
        calibration_images=settings.calibration_images,
        calibration=profile.calibration,
        num_classes=profile.num_classes,
        metric=metric_of(settings),
    )


def measured(
    profile: Profile,
    data: Dataset,
    *,
    pool: WorkerPool,
    settings: RunSettings,
    observer: Observer,
    most_images: MostImages = lambda rate: None,
) -> Baseline:
    """Evaluates a model as it was given, decides who may see which images, and shares them.

    Args:
        profile: The model's.
        data: All images, its classes in the model's order.
        pool: Where it is evaluated.
        settings: The run's settings.
        observer: Hears of the decision.
        most_images: Training images at most, from how many images a second the model is asked
            about; None: all.

    Raises:
        DataError: If a split is too small for its role.
    """
    pool.store.put("test_images", data.x_test)
    pool.predict(profile.graph, "test_images", count=_WARM_UP_IMAGES)
    started = time.monotonic()
    outputs = pool.predict(profile.graph, "test_images")
    rate = len(data.x_test) / max(time.monotonic() - started, 1e-6)
    classes = outputs[:, : profile.num_classes]

    def correct(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        pool.store.put("asked_images", images)
        answers = pool.predict(profile.graph, "asked_images")[:, : profile.num_classes]
        return np.asarray(answers.argmax(axis=1) == labels)

    roles = roles_of_model(
        data, classes, settings, lambda rows: correct(data.x_train[rows], data.y_train[rows])
    )
    observer.note(roles.description)
    if roles.validation_source == "test":
        right = classes[roles.validation].argmax(axis=1) == data.y_test[roles.validation]
    else:
        right = correct(*validation_images(data, roles))
    metric = metric_of(settings)
    value = quality(right, validation_images(data, roles)[1], metric)
    images = share_images(data, roles, settings, pool=pool, most_images=most_images(rate))
    given = reference(profile.graph, value, right[images.order])
    return Baseline(profile, data, images, metric, given, given, outputs, rate)


def share_images(
    data: Dataset,
    roles: Roles,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    most_images: int | None = None,
) -> Images:
    """Writes shuffled training images and shuffled validation images for the workers.

    `most_images` bounds the training images.
    """
    rng = np.random.default_rng((settings.seed, 3))
    train = rng.permutation(roles.train)
    if most_images is not None:
        train = train[: max(most_images, settings.calibration_images)]
    images, labels = np.asarray(data.x_train[train]), data.y_train[train]
    val_images, val_labels = validation_images(data, roles)
    order = rng.permutation(len(val_labels))
    sample = stratified_sample(labels, size=settings.ranking.num_samples, rng=rng)
    for name, array in {
        "train_images": images,
        "val_images": np.asarray(val_images[order]),
        "val_labels": val_labels[order],
        "ranking_images": images[sample],
        "ranking_labels": labels[sample],
    }.items():
        pool.store.put(name, array)
    return Images(roles, labels, val_labels[order], order, settings.screening_images)


def share_targets(
    teacher: LayerGraph,
    profile: Profile,
    images: Images,
    settings: RunSettings,
    *,
    pool: WorkerPool,
) -> float:
    """Writes what trainings learn from: labels, and what the teacher answers.

    It is asked about every training image once, so that all trainings share its answers.

    Returns:
        How many images a second that were; 0 where it was not asked.
    """
    answers = others = None
    rate, num_classes = 0.0, profile.num_classes
    if settings.training.distillation > 0 or profile.packing.other_sizes:
        began = time.monotonic()
        outputs = pool.predict(teacher, "train_images")
        rate = len(outputs) / max(time.monotonic() - began, 1e-6)
        answers = log_probabilities(outputs[:, :num_classes], from_logits=profile.from_logits)
        others = outputs[:, num_classes:]
    targets = distillation_targets(
        images.train_labels, answers, num_classes=num_classes, others=others
    )
    pool.store.put("train_targets", targets)
    return rate
