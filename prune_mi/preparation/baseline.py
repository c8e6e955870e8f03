"""What a run begins with, measured, and the arrays that its workers read."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import Dataset, stratified_sample
from prune_mi.data.strata import strata
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.store import SharedData, Store
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.roles import Roles, roles_of_model, training_sample, validation_split
from prune_mi.records import Observer
from prune_mi.records.events import Referenced
from prune_mi.search.candidate import Trained, reference
from prune_mi.tasks import agreement
from prune_mi.tasks.agreement import answers_as_truth
from prune_mi.tasks.judge import Judge
from prune_mi.tasks.targets import packed_targets

_WARM_UP_IMAGES = 64
MostImages = Callable[[float], int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The images that candidates are trained, ranked and scored on, as they lie in the store.

    Attributes:
        roles: Who sees which images of the data.
        train_truth: Of the images that candidates train on, `(n, ...)`, shuffled; see `LabelForm`.
        train_weights: How much each of them counts, float32 `(n,)`, or None where all count alike.
        validation_truth: Of the validation images, `(m, ...)`, shuffled.
        order: int `(m,)`, which of `roles.validation` each of these is.
        num_screening: The first validation images, which untrained candidates are scored on.
    """

    roles: Roles
    train_truth: np.ndarray
    train_weights: np.ndarray | None
    validation_truth: np.ndarray
    order: np.ndarray
    num_screening: int

    @property
    def num_train(self) -> int:
        """Images that candidates train on."""
        return len(self.train_truth)


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What a run begins with, measured: a model as it was given, or a seed after its training.

    Attributes:
        profile: What it is, and how it wants its images.
        data: All images, its classes in the model's order.
        images: What the run works on.
        given: The model as given, with its quality.
        start: What the search starts from: the same, perhaps with other batch-norm statistics.
        test_outputs: Of the model as given, on the whole test set, as `WorkerPool.predict` has
            them; None where it was not asked yet.
        images_per_second: Evaluation speed of all workers together; 0 where it was not measured.
        train_quality: Of the model as given, on a sample of its training images; 1 where it was not
            asked.
    """

    profile: Profile
    data: Dataset
    images: Images
    given: Trained
    start: Trained
    test_outputs: np.ndarray | None
    images_per_second: float
    train_quality: float = 1.0

    @property
    def roles(self) -> Roles:
        """Who sees which images."""
        return self.images.roles

    @property
    def referenced(self) -> Referenced:
        """The model as given, for the events."""
        metric, judge = self.judge.metric, self.judge
        chance = judge.scale if metric.is_error else None
        return Referenced(self.given.cost, self.given.quality, metric.words, chance)

    @property
    def judge(self) -> Judge:
        """Judges answers."""
        return self.profile.judge

    @property
    def judged_by(self) -> Trained:
        """What candidates may be so much worse than: as given, where that is right at all."""
        return self.start if self.profile.needs_statistics else self.given

    @property
    def screening_offset(self) -> float:
        """What a sample of the validation images tells too little: added to scores on it."""
        count, whole = self.images.num_screening, self.judged_by
        truth = self.images.validation_truth[:count]
        return whole.quality - self.judge.quality(whole.scores[:count], truth)


def shared_data(store: Store, profile: Profile, settings: RunSettings) -> SharedData:
    """How workers are to read the arrays that will lie in a store."""
    return SharedData(
        store=store,
        scaling=profile.scaling,
        screening_images=settings.screening_images,
        calibration_images=settings.calibration_images,
        calibration=profile.calibration,
        judge=profile.judge,
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
    judge = profile.judge

    def answers(images: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        pool.store.put("asked_images", images, rows)
        return pool.predict(profile.graph, "asked_images")

    if data.form == "none":
        data = _with_own_answers(data, judge, outputs, answers)
    test_scores = judge.scores(outputs, data.y_test)
    rng = np.random.default_rng((settings.seed, 1))
    sample = training_sample(data, rng)
    learnt = data.y_train[sample]
    train_scores = judge.scores(answers(data.x_train, sample), learnt)
    roles = roles_of_model(data, test_scores, train_scores, settings, rng)
    observer.note(roles.description)
    validation, whole_truth = validation_split(data, roles)
    truth = whole_truth[roles.validation]
    if roles.validation_source == "test":
        # Of what is no mean of samples by themselves, other samples have other scores.
        known = outputs[roles.validation]
        scores = judge.scores(known, truth)
    else:
        scores = judge.scores(answers(validation, roles.validation), truth)
    images = share_images(data, roles, settings, pool=pool, most_images=most_images(rate))
    given = reference(profile.graph, judge.quality(scores, truth), scores[images.order])
    known = judge.quality(train_scores, learnt)
    return Baseline(profile, data, images, given, given, outputs, rate, known)


def _with_own_answers(
    data: Dataset,
    judge: Judge,
    test_outputs: np.ndarray,
    answers: Callable[[np.ndarray], np.ndarray],
) -> Dataset:
    """The data with what the original answers in place of labels."""

    def as_truth(outputs: np.ndarray) -> np.ndarray:
        return answers_as_truth(judge.task, outputs, judge.head)

    return replace(
        data,
        y_train=as_truth(answers(data.x_train)),
        y_test=as_truth(test_outputs),
        y_val=None if data.x_val is None else as_truth(answers(data.x_val)),
        form=judge.task.loss,
    )


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
    truth = data.y_train[train]
    val_images, whole_truth = validation_split(data, roles)
    val_truth = whole_truth[roles.validation]
    order = rng.permutation(len(val_truth))
    groups = strata(truth, data.form)
    sample = stratified_sample(groups, size=settings.ranking.num_samples, rng=rng)
    pool.store.put("train_images", data.x_train, train)
    pool.store.put("val_images", val_images, roles.validation[order])
    pool.store.put("val_truth", val_truth, order)
    pool.store.put("ranking_images", data.x_train, train[sample])
    pool.store.put("ranking_truth", truth, sample)
    pool.store.put("ranking_groups", groups, sample)
    weights = None if data.w_train is None else data.w_train[train]
    return Images(roles, truth, weights, val_truth[order], order, settings.screening_images)


def share_targets(
    teacher: LayerGraph,
    profile: Profile,
    images: Images,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    may_mirror: bool = False,
) -> float:
    """Writes what trainings learn from: labels, and what the teacher answers.

    It is asked about every training image once, so that all trainings share its answers; twice,
    where trainings mirror images: then its answer is the mean of those on the image and on its
    mirror image, which is better than either. (ResNet-8, CIFAR-10 test set: 0.8869, and 0.8999.)

    Args:
        teacher: The network that is asked.
        profile: How images are varied.
        images: The training images' truth.
        settings: The run's settings.
        pool: Where it is asked.
        may_mirror: Whether there is time to ask twice.

    Returns:
        How many images a second it was asked about; 0 where it was not asked.
    """
    teacher_outputs = others = None
    rate, head = 0.0, profile.head
    is_agreement = profile.judge.task.name == agreement.NAME
    if settings.training.distillation > 0 or profile.packing.other_sizes or is_agreement:
        began = time.monotonic()
        task = profile.judge.task
        is_alike = not (is_agreement or task.moves_with_image)
        mirrored = may_mirror and is_alike and profile.augmentation.flip
        outputs = pool.raw_outputs(teacher, "train_images", mirrored=mirrored)
        rate = (1 + mirrored) * len(outputs) / max(time.monotonic() - began, 1e-6)
        teacher_outputs = outputs
        others = outputs[:, head.size :] if profile.packing.other_sizes else None
    targets = packed_targets(
        profile.judge.task,
        head,
        images.train_truth,
        teacher=teacher_outputs,
        others=others,
        weights=images.train_weights,
    )
    pool.store.put("train_targets", targets)
    return rate
