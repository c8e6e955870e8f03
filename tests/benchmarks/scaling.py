"""How does the time of a ranking grow with samples and with layers?

Untrained residual networks of 1, 2, 4 and 8 blocks a stage, and one of them on 500 to 4000 samples,
each ranked twice; the second time counts, in seconds and as a ratio to one plain forward pass over
the same images.

    python tests/benchmarks/scaling.py
"""

import argparse
import time

from prune_mi.keras_io.runtime.backend import prepare_backend, start_backend

_CLASSES = 10


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--criterion", default="bypass")
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--samples", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    parser.add_argument("--depth", type=int, default=4, help="blocks where samples vary")
    options = parser.parse_args()
    prepare_backend(2)
    start_backend()
    from rich.console import Console
    from rich.table import Table

    table = Table("blocks", "layers", "units", "samples", "forward, s", "ranking, s", "ratio")
    for blocks in options.blocks:
        table.add_row(*_measured(options.criterion, blocks, 1000))
    table.add_section()
    for samples in options.samples:
        table.add_row(*_measured(options.criterion, options.depth, samples))
    Console(width=100).print(table)


def _measured(criterion: str, blocks: int, samples: int) -> list[str]:
    import numpy as np

    from prune_mi.config import RankingSettings
    from prune_mi.data import fit_scaling
    from prune_mi.graph.units.discovery import removable_units
    from prune_mi.graph.units.sites import unit_site
    from prune_mi.information.criterion import RankingRequest
    from prune_mi.information.ranking import rank_sites
    from prune_mi.keras_io.model_graph.build import build_model
    from prune_mi.keras_io.model_graph.trace import trace_model
    from prune_mi.measure.predictor import predict
    from prune_mi.tasks.classification import TASK
    from prune_mi.tasks.head import Head
    from prune_mi.tasks.judge import Judge

    rng = np.random.default_rng(0)
    images = rng.normal(size=(samples, 32, 32, 3)).astype(np.float32)
    labels = np.arange(samples) % _CLASSES
    graph = trace_model(_network(blocks))
    request = RankingRequest(
        graph=graph,
        sites=[unit_site(unit) for unit in removable_units(graph) if unit.macs or unit.num_params],
        images=images,
        truth=labels,
        groups=labels,
        scaling=fit_scaling("none", images),
        judge=Judge(TASK, TASK.metrics[0], Head((_CLASSES,), from_logits=True)),
        settings=RankingSettings(criterion=criterion),  # type: ignore[arg-type]
        seed=0,
    )
    model = build_model(graph)

    def seconds(work) -> float:  # type: ignore[no-untyped-def]
        work()
        started = time.monotonic()
        work()
        return time.monotonic() - started

    forward = seconds(lambda: predict(model, images, request.scaling))
    ranking = seconds(lambda: rank_sites(request))
    return [
        str(blocks),
        str(len(graph.layers)),
        str(len(request.sites)),
        str(samples),
        f"{forward:.2f}",
        f"{ranking:.2f}",
        f"{ranking / forward:.2f}",
    ]


def _network(blocks: int):  # type: ignore[no-untyped-def]
    from keras import Input, Model, layers

    tensor = inputs = Input((32, 32, 3))
    for stage, width in enumerate((16, 32, 64)):
        strides = 2 if stage else 1
        tensor = layers.Conv2D(width, 3, strides=strides, padding="same", use_bias=False)(tensor)
        tensor = layers.ReLU()(layers.BatchNormalization()(tensor))
        for _ in range(blocks):
            branch = layers.Conv2D(width, 3, padding="same", use_bias=False)(tensor)
            branch = layers.ReLU()(layers.BatchNormalization()(branch))
            branch = layers.Conv2D(width, 3, padding="same", use_bias=False)(branch)
            branch = layers.BatchNormalization()(branch)
            tensor = layers.ReLU()(layers.Add()([tensor, branch]))
    tensor = layers.GlobalAveragePooling2D()(tensor)
    return Model(inputs, layers.Dense(_CLASSES)(tensor))


if __name__ == "__main__":
    main()
