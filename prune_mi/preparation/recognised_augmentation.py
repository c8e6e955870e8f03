"""How the images of a growing network may be varied: by what the best one so far recognises."""

import numpy as np

from prune_mi.data import AugmentationPolicy
from prune_mi.execution.store import Store
from prune_mi.graph.analysis.input_kind import input_kind
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.profile import Profile

_RECOGNISED, _KEPT = 0.9, 0.75
_FEWEST_ABOVE_CHANCE = 0.2


def recognised_augmentation(
    graph: LayerGraph, store: Store, num_images: int, profile: Profile
) -> AugmentationPolicy:
    """The flips and shifts under which a model that was not trained with them still knows images.

    Classes that a mirror makes others of, as digits are, are known by what it costs: kept is what
    leaves nine tenths of the accuracy above chance. What has been kept before goes where it leaves
    less than three quarters: how classes are does not change, and few images tell a little more
    or less. A model that is hardly above chance says nothing, and all is as before.

    Args:
        graph: A classifier that is no more sensitive than its classes are: young.
        store: Where the validation images lie, which it was not trained on.
        num_images: Of them.
        profile: How it takes images; its augmentation is what was found of the models before.
    """
    # They open Keras, and the loop, which names this function, does without.
    from prune_mi.keras_io.model_graph.build import build_model
    from prune_mi.measure.predictor import Predictor

    images = np.asarray(store.get("val_images")[:num_images])
    truth = np.asarray(store.get("val_truth")[:num_images])
    so_far = profile.augmentation
    if input_kind(graph) != "image" or images.ndim != 4:
        return so_far
    judge = profile.judge
    chance = judge.chance(truth)
    answers, side = Predictor(build_model(graph)), min(images.shape[1:3])

    def above_chance(varied: np.ndarray) -> float:
        scores = judge.scores(answers(varied, profile.scaling), truth)
        return judge.quality(scores, truth) - chance

    plain = above_chance(images)
    if plain < _FEWEST_ABOVE_CHANCE:
        return so_far
    shift = AugmentationPolicy.parse("shift", side)
    varied = {
        "flip": images[:, :, ::-1],
        "shift": shift.apply(images, rng=np.random.default_rng(0)),
    }
    needed = {
        "flip": _KEPT if so_far.flip else _RECOGNISED,
        "shift": _KEPT if so_far.max_shift else _RECOGNISED,
    }
    kept = [name for name, each in varied.items() if above_chance(each) >= needed[name] * plain]
    return AugmentationPolicy.parse("+".join(kept) or "none", side)
