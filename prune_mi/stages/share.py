"""Lays out the arrays that child processes read, and the reference candidate."""

import time
from dataclasses import dataclass

import numpy as np

from prune_mi.config import Metric, OptimizeSettings, RunSettings
from prune_mi.data import Dataset, stratified_sample
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.shared_data import SharedData
from prune_mi.execution.store import Store
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.measure.metric import quality
from prune_mi.search.candidate import Candidate
from prune_mi.stages.prepare import Understanding
from prune_mi.stages.roles import Subject, validation_images
from prune_mi.training.distillation import distillation_targets, log_probabilities


@dataclass(frozen=True, slots=True, eq=False)
class SearchData:
    """What the search works on.

    Attributes:
        num_train_images: Images that children train on.
        train_labels: Their labels, int `(num_train_images,)`.
        screening_reference: The original's metric on the screening images.
        screening_images, screening_labels: The first validation images, raw.
        validation_labels: Of all validation images, int `(n,)`.
        reference_correct: bool `(n,)`, for each of them whether the original is right.
    """

    num_train_images: int
    train_labels: np.ndarray
    screening_reference: float
    screening_images: np.ndarray
    screening_labels: np.ndarray
    validation_labels: np.ndarray
    reference_correct: np.ndarray


def shared_data(store: Store, understanding: Understanding, settings: RunSettings) -> SharedData:
    """How workers are to read the arrays that will lie in a store."""
    metric: Metric = settings.metric if isinstance(settings, OptimizeSettings) else "accuracy"
    return SharedData(
        store=store,
        scaling=understanding.scaling,
        screening_images=settings.screening_images,
        calibration_images=settings.calibration_images,
        calibration=understanding.calibration,
        num_classes=understanding.num_classes,
        metric=metric,
    )


def share_data(
    data: Dataset,
    subject: Subject,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    most_images: int | None,
) -> SearchData:
    """`share_images`, and `share_targets` by what the original answers."""
    found = share_images(data, subject, settings, pool=pool, most_images=most_images)
    share_targets(subject.graph, subject, found, settings, pool=pool)
    return found


def share_images(
    data: Dataset,
    subject: Subject,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    most_images: int | None,
) -> SearchData:
    """Writes shuffled training images and shuffled validation images for the workers.

    `most_images` bounds the training images.
    """
    rng = np.random.default_rng((settings.seed, 3))
    train = rng.permutation(subject.roles.train)
    if most_images is not None:
        train = train[: max(most_images, settings.calibration_images)]
    images, labels = np.asarray(data.x_train[train]), data.y_train[train]
    val_images, val_labels = validation_images(data, subject.roles)
    shuffled = rng.permutation(len(val_labels))
    sample = stratified_sample(labels, size=settings.ranking.num_samples, rng=rng)
    val_images, val_labels = np.asarray(val_images[shuffled]), val_labels[shuffled]
    for name, array in {
        "train_images": images,
        "val_images": val_images,
        "val_labels": val_labels,
        "ranking_images": images[sample],
        "ranking_labels": labels[sample],
    }.items():
        pool.store.put(name, array)
    correct, screened = subject.val_correct[shuffled], slice(settings.screening_images)
    return SearchData(
        num_train_images=len(train),
        train_labels=labels,
        screening_reference=quality(correct[screened], val_labels[screened], subject.metric),
        screening_images=val_images[screened],
        screening_labels=val_labels[screened],
        validation_labels=val_labels,
        reference_correct=correct,
    )


def share_targets(
    teacher_graph: LayerGraph,
    subject: Subject,
    data: SearchData,
    settings: RunSettings,
    *,
    pool: WorkerPool,
) -> float:
    """Writes what trainings learn from: labels, and what the teacher answers.

    It is asked about every training image once, so that all trainings share its answers.

    Returns:
        How many images a second that were; 0 where it was not asked.
    """
    teacher = others = None
    rate = 0.0
    packing, num_classes = subject.understanding.packing, subject.num_classes
    if settings.training.distillation > 0 or packing.other_sizes:
        began = time.monotonic()
        answers = pool.predict(teacher_graph, "train_images")
        rate = len(answers) / max(time.monotonic() - began, 1e-6)
        teacher = log_probabilities(answers[:, :num_classes], from_logits=subject.from_logits)
        others = answers[:, num_classes:]
    targets = distillation_targets(
        data.train_labels, teacher, num_classes=num_classes, others=others
    )
    pool.store.put("train_targets", targets)
    return rate


def reference_candidate(subject: Subject, correct: np.ndarray | None = None) -> Candidate:
    """The original as the search's first parent; `correct` as candidates have it."""
    return Candidate(
        name="reference",
        graph=subject.graph,
        cost=graph_cost(subject.graph),
        parent="",
        morphs=(),
        lineage=(),
        accuracy=subject.val_accuracy,
        correct=correct,
    )
