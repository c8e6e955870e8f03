"""What the benchmarks of the ranking work on: a model, its data, the question about its units."""

import argparse
from pathlib import Path

_CALIBRATION_IMAGES = 512
_CALIBRATION_BATCH = 128


def add_arguments(parser: argparse.ArgumentParser, *, seeds: int) -> None:
    """The arguments that the benchmarks have in common."""
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--images", type=int, default=5000, help="held-out images")


def understood_question(  # type: ignore[no-untyped-def]
    options: argparse.Namespace, criterion: str, *, seed: int
):
    """The question that `prune-mi rank` would ask of a model, the data, the model understood."""
    from prune_mi.config import make_settings
    from prune_mi.preparation.loading import load_fitting_data, open_source
    from prune_mi.preparation.profile import profile_of
    from prune_mi.ranking import ask_about
    from prune_mi.records import ModelSource, SilentObserver

    settings = make_settings(
        {"data": options.data, "seed": seed, "ranking": {"criterion": criterion}}
    )
    loaded = open_source(ModelSource(options.model))
    data = load_fitting_data(loaded.model, settings, SilentObserver())
    understood = profile_of(loaded.model, data, settings, SilentObserver())
    question = ask_about(understood, data, settings, samples=options.samples)
    return question, data, understood


def held_out_and_calibration(data, options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """Places of test images to score on, and the training images to recalibrate on."""
    import numpy as np

    rng = np.random.default_rng(1)
    held_out = rng.permutation(len(data.x_test))[: options.images]
    chosen = rng.permutation(len(data.x_train))[:_CALIBRATION_IMAGES]
    return held_out, data.x_train[chosen]


def recalibrated(graph, images, scaling, policy):  # type: ignore[no-untyped-def]
    """The graph with the batch-norm statistics of raw training images, varied as in training."""
    import numpy as np

    from prune_mi.repair.recalibrate import recalibrate

    scaled = policy.apply(scaling.apply(images), rng=np.random.default_rng(0))
    starts = range(0, len(scaled) - _CALIBRATION_BATCH + 1, _CALIBRATION_BATCH)
    return recalibrate(graph, [scaled[start : start + _CALIBRATION_BATCH] for start in starts])
