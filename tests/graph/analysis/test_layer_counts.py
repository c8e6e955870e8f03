"""Layers counted by kind and by what they stand behind."""

import pytest
from graph_builder import GRAPHS, GraphBuilder, chain

from prune_mi.graph.analysis.layer_counts import BEHIND_KINDS, KINDS, count_layers, num_paper_layers


def test_a_chain() -> None:
    counts = count_layers(chain())
    assert counts.frequencies == {
        "conv": 2,
        "batch-norm": 2,
        "activation": 2,
        "global-pooling": 1,
        "dense": 1,
    }
    assert counts.successions == {
        "input": {"conv": 1},
        "kernel": {"batch-norm": 2},
        "norm": {"activation": 2},
        "activation": {"conv": 1, "global-pooling": 1},
        "pooling": {"dense": 1},
    }


def test_joins_count_once_and_follow_all_that_they_read() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 4)
    y = net.dropout(x)
    graph = net.graph(net.head(net.concat(net.add(x, y), y)))
    counts = count_layers(graph)
    assert counts.frequencies["add"] == counts.frequencies["concatenate"] == 1
    assert counts.successions["kernel"] == {"dropout": 1, "add": 1}
    assert counts.successions["noise"] == {"add": 1, "concatenate": 1}
    assert counts.successions["join"] == {"concatenate": 1, "global-pooling": 1}


def test_a_fused_activation_counts_behind_its_kernel() -> None:
    net = GraphBuilder()
    x = net.conv(net.conv(net.input, 4, activation="relu"), 4)
    counts = count_layers(net.graph(net.head(x)))
    assert counts.frequencies["activation"] == 1
    assert counts.successions["kernel"] == {"activation": 1, "conv": 1, "global-pooling": 1}


def test_a_dense_layer_on_an_image_is_a_convolution() -> None:
    net = GraphBuilder()
    counts = count_layers(net.graph(net.head(net.dense(net.conv(net.input, 4), 5))))
    assert counts.frequencies == {"conv": 2, "global-pooling": 1, "dense": 1}


def test_a_constant_that_is_added_is_no_join() -> None:
    net = GraphBuilder()
    x = net.conv(net.input, 4)
    shifted = net.call(net.layer("Add", "shift"), (x, 3.0), net.shape(x))
    counts = count_layers(net.graph(net.head(shifted)))
    assert "add" not in counts.frequencies
    assert counts.successions["kernel"] == {"other": 1}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_call_counts_once(name: str) -> None:
    graph = GRAPHS[name]()
    counts = count_layers(graph)
    assert set(counts.frequencies) <= set(KINDS)
    assert set(counts.successions) <= set(BEHIND_KINDS)
    fused = sum(
        layer.config.get("activation", "linear") != "linear"
        for layer in (graph.layer_of(node) for node in graph.nodes)
        if layer.class_name in ("Conv2D", "Dense")
    )
    calls = [node for node in graph.nodes if node.inputs]
    assert sum(counts.frequencies.values()) == len(calls) + fused
    read = sum(len(set(node.inputs)) for node in calls)
    assert sum(sum(each.values()) for each in counts.successions.values()) == read + fused


def test_the_papers_seed_has_five() -> None:
    build = GraphBuilder()
    x = build.flatten(build.relu(build.conv(build.input, 4)))
    graph = build.graph(build.dense(build.dense(x)))
    assert num_paper_layers(graph) == 5


def test_what_passes_tensors_on_is_not_counted() -> None:
    build = GraphBuilder()
    x = build.relu(build.norm(build.conv(build.input, 4)))  # 1 + 3
    x = build.add(x, build.conv(x, 4))  # 1
    x = build.dropout(build.pool(x))  # 2
    graph = build.graph(build.dense(build.flatten(x)))  # 1
    assert num_paper_layers(graph) == 8


def test_every_call_of_a_layer_counts() -> None:
    def rectified(times: int) -> int:
        build = GraphBuilder()
        x = build.conv(build.input, 2)
        for _ in range(times):
            x = build.relu(x)
        return num_paper_layers(build.graph(build.dense(build.flatten(x))))

    assert rectified(3) == rectified(1) + 2
