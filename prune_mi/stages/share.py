"""Lays out the arrays that child processes read, and the reference candidate."""

from dataclasses import dataclass

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import Dataset, stratified_sample
from prune_mi.execution.pool import WorkerPool
from prune_mi.execution.shared_data import SharedData
from prune_mi.execution.store import Store
from prune_mi.graph.cost import graph_cost
from prune_mi.search.candidate import Candidate
from prune_mi.stages.prepare import Understanding
from prune_mi.stages.roles import Subject, validation_images
from prune_mi.training.distillation import distillation_targets, log_probabilities


@dataclass(frozen=True, slots=True)
class SearchData:
    """What the search works on.

    Attributes:
        num_train_images: Images that children train on.
        screening_reference: The original's accuracy on the screening images.
        validation_images, validation_labels: The screening images, raw.
    """

    num_train_images: int
    screening_reference: float
    validation_images: np.ndarray
    validation_labels: np.ndarray


def shared_data(store: Store, understanding: Understanding, settings: RunSettings) -> SharedData:
    """How workers are to read the arrays that will lie in a store."""
    return SharedData(
        store=store,
        scaling=understanding.scaling,
        screening_images=settings.screening_images,
        calibration_images=settings.calibration_images,
        calibration=understanding.calibration,
        num_classes=understanding.num_classes,
    )


def share_data(
    data: Dataset,
    subject: Subject,
    settings: RunSettings,
    *,
    pool: WorkerPool,
    most_images: int | None,
) -> SearchData:
    """Writes shuffled training images with their targets, and shuffled validation images.

    The original is asked about every training image once, so that all trainings share its
    answers; `most_images` bounds how many that are, and the training images with them.
    """
    rng = np.random.default_rng((settings.seed, 3))
    train = rng.permutation(subject.roles.train)
    if most_images is not None:
        train = train[: max(most_images, settings.calibration_images)]
    images, labels = np.asarray(data.x_train[train]), data.y_train[train]
    pool.store.put("train_images", images)
    teacher = others = None
    packing, num_classes = subject.understanding.packing, subject.num_classes
    if settings.training.distillation > 0 or packing.other_sizes:
        answers = pool.predict(subject.graph, "train_images")
        teacher = log_probabilities(answers[:, :num_classes], from_logits=subject.from_logits)
        others = answers[:, num_classes:]
    targets = distillation_targets(labels, teacher, num_classes=num_classes, others=others)
    val_images, val_labels = validation_images(data, subject.roles)
    shuffled = rng.permutation(len(val_labels))
    sample = stratified_sample(labels, size=settings.ranking.num_samples, rng=rng)
    for name, array in (
        ("train_targets", targets),
        ("val_images", np.asarray(val_images[shuffled])),
        ("val_labels", val_labels[shuffled]),
        ("ranking_images", images[sample]),
        ("ranking_labels", labels[sample]),
    ):
        pool.store.put(name, array)
    screening = subject.val_correct[shuffled[: settings.screening_images]]
    return SearchData(
        num_train_images=len(train),
        screening_reference=float(screening.mean()),
        validation_images=np.asarray(val_images[shuffled[: settings.screening_images]]),
        validation_labels=val_labels[shuffled[: settings.screening_images]],
    )


def reference_candidate(subject: Subject) -> Candidate:
    """The original as the search's first parent."""
    return Candidate(
        name="reference",
        graph=subject.graph,
        cost=graph_cost(subject.graph),
        parent="",
        morphs=(),
        lineage=(),
        accuracy=subject.val_accuracy,
    )
