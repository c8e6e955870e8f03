"""Which models of Keras 2 are known to mean the same in Keras 3."""

from typing import Any

import pytest

from prune_mi.keras_io.upgrade.rewriting import computes_the_same


def _model(*layers: Any, class_name: str = "Sequential") -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": "m", "layers": list(layers)}}


def _layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": "layer", **config}}


@pytest.mark.parametrize(
    "layer",
    [
        _layer("InputLayer", dtype="uint8"),
        _layer("Dense", units=3, activation="relu"),
        _layer("Dense", activation={"class_name": "function", "config": "relu"}),
        _layer("Dense", activation=None, kernel_initializer={"class_name": "Mine", "config": {}}),
        _layer("Conv2D", dtype={"class_name": "Policy", "config": {"name": "float32"}}),
    ],
)
def test_the_same(layer: Any) -> None:
    assert computes_the_same(_model(layer))
    assert computes_the_same(_model(layer, class_name="Functional"))


@pytest.mark.parametrize(
    "layer",
    [
        _layer("Activation", activation="hard_sigmoid"),
        _layer("Dense", activation={"class_name": "function", "config": "hard_sigmoid"}),
        _layer("Dense", activation={"class_name": "ReLU", "config": {}}),
        _layer("Dense", activation=3),
        _layer("Dense", dtype="mixed_float16"),
        _layer("TimeDistributed", layer=_layer("Dense", activation="hard_sigmoid")),
        _layer("Dense", inner=_layer("Dense")),
        _layer("Mine"),
        {"class_name": ["Dense"], "config": []},
        {"class_name": "Dense"},
        3,
    ],
)
def test_not_known_to_be_the_same(layer: Any) -> None:
    assert not computes_the_same(_model(_layer("Dense"), layer))


@pytest.mark.parametrize("config", [{}, {"class_name": "Mine", "config": {"layers": []}}])
def test_no_model_that_is_known(config: Any) -> None:
    assert not computes_the_same(config)
