"""How training images are varied: by what the original shows that it was trained with."""

from dataclasses import replace

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import NOT_VARIED, AugmentationPolicy, InputScaling
from prune_mi.errors import ConfigError
from prune_mi.graph.analysis.input_kind import input_kind
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.measure.predictor import Predictor
from prune_mi.preparation.recalibrated import with_statistics_of
from prune_mi.records import Observer
from prune_mi.repair.recalibrate import statistics_distance
from prune_mi.tasks.judge import Judge

_TOLERATED_LOSS = 0.02
_CLEARLY_NEARER = 0.5
_STATISTICS_IMAGES = 256
_FILLS = {"edge": "repeated edge pixels", "zero": "zeros at the edge"}


def find_augmentation(
    graph: LayerGraph,
    images: np.ndarray,
    truth: np.ndarray,
    scaling: InputScaling,
    settings: RunSettings,
    observer: Observer,
    *,
    judge: Judge,
) -> tuple[AugmentationPolicy, AugmentationPolicy]:
    """The augmentation for training, and the one for batch-norm statistics.

    What is no image is not varied at all.

    Flips and shifts are kept where the original answers as well under them. Its batch norms hold
    statistics of the images that it was trained on: where those of shifted images are clearly
    nearer to them than those of plain images, it was trained on shifted images, and a child's
    statistics must be taken from such too. (ResNet-56, trained on images shifted over zeros: plain
    images for its statistics cost it 0.9 points, shifted ones nothing.)

    Args:
        graph: The original.
        images: Raw training images `(n, ...)`.
        truth: In the form of the task, `(n, ...)`.
        scaling: The model's input scaling.
        settings: May name an augmentation outright.
        observer: Hears of what was found.
        judge: Judges the original's answers.

    Raises:
        ConfigError: If the settings ask for flips or shifts of what is no image.
    """
    side = min(images.shape[1:3])
    asked: str = settings.training.augmentation
    how = (
        f"the original keeps its {judge.metric.words} on such images"
        if asked == "auto"
        else "as set"
    )
    if input_kind(graph) != "image":
        if asked not in ("auto", "none"):
            raise ConfigError(
                f"`training.augmentation` is {asked!r}, but the model's input is not a single "
                "image; expected auto or none"
            )
        observer.note("Augmentation: none, because the model's input is not a single image.")
        return NOT_VARIED, NOT_VARIED
    if asked == "auto":
        asked = _tolerated(Predictor(build_model(graph)), images, truth, scaling, judge)
    policy = AugmentationPolicy.parse(asked, side)
    plain = AugmentationPolicy(flip=policy.flip, max_shift=0)
    calibration = _trained_with(graph, images, scaling, policy) if policy.max_shift else plain
    told = f"Augmentation: {policy.name}" + (f" ({how})." if policy.name != "none" else ".")
    if calibration.max_shift:
        policy = calibration
        told += (
            " The batch-norm statistics of the original are those of shifted images with "
            f"{_FILLS[calibration.fill]}, so it was trained on such images."
        )
    observer.note(told)
    return policy, calibration


def _tolerated(
    answers: Predictor,
    images: np.ndarray,
    truth: np.ndarray,
    scaling: InputScaling,
    judge: Judge,
) -> str:
    """Flips and shifts under which the model is about as good."""
    moves = judge.task.moves_with_image

    def quality(varied: np.ndarray, wanted: np.ndarray) -> float:
        return judge.quality(judge.scores(answers(varied, scaling), wanted), wanted)

    plain = quality(images, truth)
    kept = []
    for name in ("flip", "shift") if images.ndim == 4 else ():
        policy = AugmentationPolicy.parse(name, min(images.shape[1:3]))
        if policy.name == "none":
            continue
        changed, wanted = (
            each[:, :, ::-1] if name == "flip" else policy.apply(each, rng=np.random.default_rng(0))
            for each in (images, truth if moves else images)
        )
        if quality(changed, wanted if moves else truth) >= plain - _TOLERATED_LOSS:
            kept.append(name)
    return "+".join(kept) or "none"


def _trained_with(
    graph: LayerGraph, images: np.ndarray, scaling: InputScaling, policy: AugmentationPolicy
) -> AugmentationPolicy:
    """Of plain and shifted images, those whose batch-norm statistics are the model's own."""
    plain = replace(policy, max_shift=0)
    candidates = (plain, replace(policy, fill="edge"), replace(policy, fill="zero"))
    scaled = scaling.apply(images[:_STATISTICS_IMAGES])
    distances = []
    for each in candidates:
        varied = each.apply(scaled, rng=np.random.default_rng(0))
        distances.append(statistics_distance(graph, with_statistics_of(graph, varied)))
    nearest = int(np.argmin(distances))
    clear = distances[nearest] < _CLEARLY_NEARER * distances[0]
    return candidates[nearest] if clear else plain
