"""Graphs that can be walked, and those that cannot."""

from typing import Any

import pytest

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.graph_validation import require_valid_graph

Reference = list[Any]


def _layer(name: str, *calls: Any, **config: Any) -> dict[str, Any]:
    return {
        "class_name": config.pop("class_name", "Dense"),
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": list(calls),
    }


def _model(*layers: dict[str, Any], outputs: Any, name: str = "m") -> dict[str, Any]:
    config = {"name": name, "layers": list(layers), "output_layers": outputs}
    return {"class_name": "Functional", "config": {**config, "input_layers": [["in", 0, 0]]}}


def _tensor(name: str, call: int = 0) -> dict[str, Any]:
    history = {"shape": [None], "dtype": "float32", "keras_history": [name, call, 0]}
    return {"class_name": "__keras_tensor__", "config": history}


def test_a_chain_in_the_form_of_keras_2() -> None:
    require_valid_graph(
        _model(_layer("in"), _layer("a", [["in", 0, 0, {}]]), outputs=[["a", 0, 0]])
    )


def test_a_chain_in_the_form_of_keras_3() -> None:
    call = {"args": [_tensor("in")], "kwargs": {"mask": None}}
    require_valid_graph(_model(_layer("in"), _layer("a", call), outputs=["a", 0, 0]))


def test_a_shared_layer_that_reads_itself_at_another_call() -> None:
    shared = _layer("a", [["in", 0, 0, {}]], [["a", 0, 0, {}]])
    require_valid_graph(_model(_layer("in"), shared, outputs=[["a", 1, 0]]))


def test_tensors_among_the_other_arguments_and_constants() -> None:
    subtract = _layer("a", [["_CONSTANT_VALUE", -1, 1.0, {"y": ["in", 0, 0], "name": None}]])
    reshape = _layer("b", [["a", 0, 0, {"shape": [-1, 4, 4], "how": ["none", 1, 2]}]])
    require_valid_graph(_model(_layer("in"), subtract, reshape, outputs={"out": ["b", 0, 0]}))


def test_calls_of_an_inner_model_count_from_1() -> None:
    inner = _model(_layer("in"), _layer("x", [["in", 0, 0, {}]]), outputs=[["x", 0, 0]])
    entry = {**inner, "name": "inner", "inbound_nodes": [[["in", 0, 0]], [["inner", 1, 0]]]}
    require_valid_graph(_model(_layer("in"), entry, outputs=[["inner", 2, 0]]))


def test_keras_3_counts_them_from_0_inside_the_graph_and_from_1_at_its_end() -> None:
    inner = _model(_layer("in"), _layer("x", [["in", 0, 0, {}]]), outputs=[["x", 0, 0]])
    entry = {**inner, "name": "inner", "inbound_nodes": [{"args": [_tensor("in")], "kwargs": {}}]}
    reader = _layer("a", {"args": [_tensor("inner", 0)], "kwargs": {}})
    ends = [["inner", 1, 0], ["a", 0, 0]]
    require_valid_graph(_model(_layer("in"), entry, reader, outputs=ends))


def test_a_cycle() -> None:
    first, second = _layer("a", [["b", 0, 0, {}]]), _layer("b", [["a", 0, 0, {}]])
    with pytest.raises(ModelError, match="a cycle through 'a', 'b'"):
        require_valid_graph(_model(_layer("in"), first, second, outputs=[["b", 0, 0]]))


def test_a_cycle_in_an_inner_model() -> None:
    inner = _model(_layer("in"), _layer("x", [["x", 0, 0, {}]]), outputs=[["x", 0, 0]])
    entry = {**inner, "name": "inner", "inbound_nodes": [[["in", 0, 0]]]}
    with pytest.raises(ModelError, match="a cycle through 'x'"):
        require_valid_graph(_model(_layer("in"), entry, outputs=[["inner", 1, 0]]))


def test_a_layer_that_is_not_there() -> None:
    broken = _layer("a", [["gone", 0, 0, {}]])
    with pytest.raises(ModelError, match="'a' reads from 'gone', which is not one of its layers"):
        require_valid_graph(_model(_layer("in"), broken, outputs=[["a", 0, 0]]))


def test_calls_that_are_no_list() -> None:
    broken = {**_layer("a"), "inbound_nodes": 5}
    with pytest.raises(ModelError, match="the calls of 'a' are a int, not a list"):
        require_valid_graph(_model(_layer("in"), broken, outputs=[["a", 0, 0]]))


@pytest.mark.parametrize("call", [None, "q", 0.5, [0]])
def test_a_call_that_is_no_number(call: Any) -> None:
    broken = _layer("a", {"args": [_tensor("in", call)], "kwargs": {}})
    with pytest.raises(ModelError, match=r"'a' reads from call .*; expected the number of a call"):
        require_valid_graph(_model(_layer("in"), broken, outputs=[["a", 0, 0]]))


def test_a_call_that_is_not_there() -> None:
    broken = _layer("a", [["in", 0, 0, {}]])
    with pytest.raises(ModelError, match="something reads call 3 of 'a'"):
        require_valid_graph(_model(_layer("in"), broken, outputs=[["a", 3, 0]]))


@pytest.mark.parametrize("outputs", [[], {}, None])
def test_no_output(outputs: Any) -> None:
    with pytest.raises(ModelError, match="no output that comes from one of its layers"):
        require_valid_graph(_model(_layer("in"), outputs=outputs))


def test_no_layers() -> None:
    with pytest.raises(ModelError, match="no layers"):
        require_valid_graph(_model(outputs=[["a", 0, 0]]))


@pytest.mark.parametrize("config", [[], {}, {"layers": 3}, {"layers": [{"class_name": "Dense"}]}])
def test_what_has_no_graph_is_left_to_keras(config: Any) -> None:
    require_valid_graph({"class_name": "Sequential", "config": config})
