"""The seed network for data sets: built, fed raw samples, trained."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from prune_mi.data import Dataset, fit_scaling, load_dataset
from prune_mi.data.scaling import ScalingKind
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.preparation.seed import rescaling_of, seed_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


def _accuracy_after_training(data: Dataset, **options: object) -> float:
    graph = seed_for(data, rng=np.random.default_rng(0), **options)  # type: ignore[arg-type]
    model = build_model(graph)
    assert model.count_params() == graph_cost(graph).num_params
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["acc"])
    model.fit(data.x_train, data.y_train, batch_size=64, epochs=4, verbose=0)
    return float(model.evaluate(data.x_test, data.y_test, verbose=0)[1])


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({}, 0.93),
        ({"hidden": 32, "batch_norm": True}, 0.9),
        ({"head": "gap", "width": 32, "batch_norm": True}, 0.3),
    ],
)
def test_it_learns_from_raw_pixels(
    digits: Dataset, options: dict[str, object], least: float
) -> None:
    assert _accuracy_after_training(digits, **options) >= least


def test_it_learns_from_features_of_any_size(digits: Dataset) -> None:
    factors = np.logspace(-3, 3, 64, dtype=np.float32)
    vectors = replace(
        digits,
        x_train=digits.x_train.reshape(-1, 64) * factors + 5,
        x_test=digits.x_test.reshape(-1, 64) * factors + 5,
        x_val=None,
        y_val=None,
    )
    assert _accuracy_after_training(vectors, width=32) >= 0.9


def test_it_scales_as_the_data_would(digits: Dataset) -> None:
    colours = np.concatenate([digits.x_train, 3 * digits.x_train - 1], axis=-1)
    kinds: tuple[ScalingKind, ...] = ("none", "unit", "signed", "standardize")
    for kind in kinds:
        scaling = fit_scaling(kind, colours)
        rescaling = rescaling_of(scaling)
        layer = keras.layers.Rescaling(rescaling.scale, rescaling.offset)
        scaled = np.asarray(layer(colours))
        np.testing.assert_allclose(scaled, scaling.apply(colours), rtol=1e-5, atol=1e-5)


def test_it_is_saved_with_its_scaling_and_traced_again(digits: Dataset, tmp_path: Path) -> None:
    graph = seed_for(digits, rng=np.random.default_rng(0))
    build_model(graph).save(tmp_path / "seed.keras")
    loaded = keras.models.load_model(tmp_path / "seed.keras")
    images = digits.x_test[:5]
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), build_model(graph).predict(images, verbose=0)
    )
    assert loaded.get_layer("rescaling").scale == 1 / 16
    assert list(trace_model(loaded).layers) == list(graph.layers)
