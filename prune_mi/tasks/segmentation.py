"""A class for each pixel. One channel is one class against the background.

pixels     pixel accuracy: the share of pixels that are told right, image by image
mean-iou   mean over classes of intersection over union, over all pixels of all images
"""

import numpy as np

from prune_mi.tasks.head import Head
from prune_mi.tasks.metric import Metric, commonest_share, ratio_scores
from prune_mi.tasks.probabilities import TINY
from prune_mi.tasks.task import Part, Task

_NARROW = np.float16  # of targets: an answer for each pixel of each image is much


def _classes(head: Head) -> int:
    return max(head.shape[-1], 2)


def decisions(outputs: np.ndarray, head: Head) -> np.ndarray:
    """The class of each pixel, `(n, height, width)`, from raw outputs; -1 where one is not finite.

    It is uint8 or int32 where all are finite, else int32.
    """
    if outputs.ndim == len(head.shape) and outputs.dtype.kind in "iu":
        return np.asarray(outputs)  # decided already
    values = head.of(outputs)
    if head.shape[-1] == 1:
        decided = values[..., 0] > (0.0 if head.from_logits else 0.5)
    else:
        decided = values.argmax(axis=-1)
    finite = np.isfinite(values).all(axis=-1)
    if not finite.all():
        return np.where(finite, decided, -1).astype(np.int32)
    return np.asarray(decided, dtype=np.uint8 if head.shape[-1] <= 256 else np.int32)


def _share_right(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    return np.asarray((decisions(answers, head) == truth).mean(axis=(1, 2)))


def _overlaps(answers: np.ndarray, truth: np.ndarray, head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of intersection and of union of each class, image by image, float `(n, classes)`."""
    told = decisions(answers, head)
    both, either = (np.empty((len(truth), _classes(head))) for _ in range(2))
    for place in range(_classes(head)):
        one, other = told == place, truth == place
        both[:, place] = (one & other).sum(axis=(1, 2))
        either[:, place] = (one | other).sum(axis=(1, 2))
    return both, either


def _mean_iou(answers: np.ndarray, truth: np.ndarray, head: Head) -> np.ndarray:
    return ratio_scores(*_overlaps(answers, truth, head))


def _commonest_over_all(truth: np.ndarray, num_classes: int) -> float:
    return commonest_share(truth, num_classes) / len(np.unique(truth))


def _log_probabilities(outputs: np.ndarray, head: Head) -> np.ndarray:
    """Of each pixel's classes, float32 `(n, height, width, classes)`, two of one channel."""
    values = head.of(outputs).astype(np.float32)
    if head.shape[-1] == 1:
        if not head.from_logits:
            values = np.clip(values, TINY, 1 - TINY)
            values = np.log(values / (1 - values))
        values = np.concatenate([np.zeros_like(values), values], axis=-1)
    elif not head.from_logits:
        return np.asarray(np.log(np.clip(values, TINY, 1.0)))
    values = values - values.max(axis=-1, keepdims=True)
    return np.asarray(values - np.log(np.exp(values).sum(axis=-1, keepdims=True)))


def _divergence(known: np.ndarray, left: np.ndarray, head: Head) -> np.ndarray:
    """Mean over pixels of KL(p || q) of their classes, in bits."""
    before, after = (_log_probabilities(each, head) for each in (known, left))
    nats = (np.exp(before) * (before - after)).sum(axis=-1)
    return np.asarray(nats.mean(axis=(1, 2), dtype=np.float64).clip(0.0) / np.log(2))


def _targets(truth: np.ndarray, teacher: np.ndarray | None, head: Head) -> np.ndarray:
    """The class of each pixel and the original's log-probabilities, `(n, h, w, 1 + classes)`."""
    classes = truth[..., None].astype(_NARROW if _classes(head) <= 2048 else np.float32)
    if teacher is None:
        shape = (*truth.shape, _classes(head))
        return np.concatenate([classes, np.zeros(shape, classes.dtype)], axis=-1)
    known = _log_probabilities(teacher, head).clip(np.log(TINY)).astype(classes.dtype)
    return np.concatenate([classes, known], axis=-1)


def _parts(answers: np.ndarray, truth: np.ndarray, head: Head) -> list[Part]:
    """Each class that is there or is told: its intersection over union."""
    both, either = _overlaps(answers, truth, head)
    everyone = np.ones(len(truth), bool)
    return [
        Part(place, everyone, ratio_scores(both[:, [place]], either[:, [place]]))
        for place in np.flatnonzero(either.any(axis=0)).tolist()
    ]


TASK = Task(
    name="segmentation",
    form="masks",
    metrics=(
        Metric("pixels", "pixel accuracy", _share_right, commonest_share),
        Metric("mean-iou", "mean IoU", _mean_iou, _commonest_over_all, is_mean=False),
    ),
    loss="masks",
    divergence=_divergence,
    targets=_targets,
    parts=_parts,
    part="class",
    by_part="IoU by class",
    decisions=decisions,
    compact=decisions,
    moves_with_image=True,
)
