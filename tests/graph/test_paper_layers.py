"""Layers as the paper counts them."""

from graph_builder import GraphBuilder

from prune_mi.graph.layer_counts import num_paper_layers


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
