"""Layer configurations of Keras 2 in the terms of Keras 3."""

from typing import Any

import pytest

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.serialized import policy_name
from prune_mi.keras_io.upgrade.rewriting import (
    clean_name,
    drop_unknown,
    rewrite_layer,
)


def _rewritten(class_name: str, **config: Any) -> tuple[str, dict[str, Any]]:
    return rewrite_layer(class_name, config, where="layer")


@pytest.mark.parametrize(
    ("class_name", "config", "expected"),
    [
        ("LeakyReLU", {"alpha": 0.1}, ("LeakyReLU", {"negative_slope": 0.1})),
        ("ThresholdedReLU", {"theta": 2.0}, ("ReLU", {"threshold": 2.0})),
        ("BatchNormalization", {"axis": [3]}, ("BatchNormalization", {"axis": 3})),
        ("LayerNormalization", {"axis": [2, 3]}, ("LayerNormalization", {"axis": [2, 3]})),
        ("SyncBatchNormalization", {}, ("BatchNormalization", {"synchronized": True})),
        ("Dense", {"units": 3, "batch_input_shape": [None, 4]}, ("Dense", {"units": 3})),
        ("ELU", {"alpha": 0.5}, ("ELU", {"alpha": 0.5})),
        (
            "DepthwiseConv2D",
            {"depth_multiplier": 1, "kernel_initializer": "glorot", "kernel_regularizer": None},
            ("DepthwiseConv2D", {"depth_multiplier": 1}),
        ),
        ("Conv2D", {"kernel_initializer": "zeros"}, ("Conv2D", {"kernel_initializer": "zeros"})),
        (
            "SpatialDropout2D",
            {"rate": 0.1, "noise_shape": None},
            ("SpatialDropout2D", {"rate": 0.1}),
        ),
        (
            "MultiHeadAttention",
            {"num_heads": 2, "query_shape": [None, 3, 4], "key_shape": None, "value_shape": None},
            ("MultiHeadAttention", {"num_heads": 2}),
        ),
    ],
)
def test_a_layer(class_name: str, config: dict[str, Any], expected: Any) -> None:
    assert _rewritten(class_name, **config) == expected


def test_the_given_configuration_stays_as_it_was() -> None:
    config = {"axis": [3], "dtype": {"class_name": "Policy", "config": {"name": "float32"}}}
    rewrite_layer("BatchNormalization", config, where="layer")
    assert config["axis"] == [3]


def test_a_layer_inside_a_layer_is_rewritten_too() -> None:
    lstm = {"class_name": "LSTM", "config": {"units": 3, "implementation": 2, "trainable": True}}
    _, config = _rewritten("Bidirectional", layer=lstm)
    assert config["layer"] == {"class_name": "LSTM", "config": {"units": 3}}


def test_an_initializer_of_tensorflow_is_keras_own() -> None:
    written = {"class_name": "Constant", "config": {"value": 0}, "registered_name": "Constant"}
    module = "tensorflow.python.ops.init_ops_v2"
    _, config = _rewritten("Dense", bias_initializer={**written, "module": module})
    assert config["bias_initializer"]["module"] == "keras.initializers"
    assert config["bias_initializer"]["registered_name"] is None


def test_a_frozen_layer_inside_a_layer_stays_frozen() -> None:
    dense = {"class_name": "Dense", "config": {"units": 3, "trainable": False}}
    _, config = _rewritten("TimeDistributed", layer=dense)
    assert config["layer"]["config"]["trainable"] is False


def test_a_model_inside_a_layer_is_refused() -> None:
    inner = {"class_name": "Sequential", "config": {"layers": []}}
    with pytest.raises(ModelError, match="'layer' wraps a whole model, Sequential"):
        _rewritten("TimeDistributed", layer=inner)


def test_a_lambda_has_its_code_where_keras_3_looks_for_it() -> None:
    _, config = _rewritten(
        "Lambda", function=["Y29kZQ==", None, None], function_type="lambda", output_shape=None
    )
    code = {"code": "Y29kZQ==", "defaults": None, "closure": None}
    assert config == {"function": {"class_name": "__lambda__", "config": code}}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("float32", "float32"),
        ({"class_name": "Policy", "config": {"name": "mixed_float16"}}, "mixed_float16"),
        ("_infer", None),
        (None, None),
    ],
)
def test_policies(written: Any, name: str | None) -> None:
    assert policy_name(written) == name


def test_what_keras_3_does_not_know_goes_where_it_says_nothing() -> None:
    config = {"filters": 3, "groups": 1, "renorm": False, "virtual_batch_size": None}
    kept = drop_unknown("Conv", config, lambda key: key == "filters", where="layer")
    assert kept == {"filters": 3}


@pytest.mark.parametrize(("key", "value"), [("groups", 2), ("renorm", True), ("new", "x")])
def test_what_keras_3_does_not_know_is_refused_where_it_matters(key: str, value: Any) -> None:
    with pytest.raises(ModelError, match=rf"'layer' has {key}={value!r}, which Conv of Keras 3"):
        drop_unknown("Conv", {key: value}, lambda key: False, where="layer")


def test_names_have_no_slashes() -> None:
    assert clean_name("block/conv") == "block_conv"
