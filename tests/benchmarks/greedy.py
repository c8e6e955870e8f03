"""How far down does each criterion lead, when nothing is trained?

From a network the block of least gain goes, batch norm is recalibrated, the rest is ranked again,
and so on: after each removal the accuracy on held-out images. Blocks are units that lie inside no
other one. A curve that is known is kept in the cache folder and not measured again.

    python tests/benchmarks/greedy.py MODEL --data cifar10.npz --removals 12
"""

import argparse
import json
from pathlib import Path

from subject import add_arguments, held_out_and_calibration, recalibrated, understood_question

from prune_mi.keras_io.runtime import prepare_backend, start_backend


def main() -> None:
    """Measures the curves and prints them side by side."""
    options = _options()
    options.cache.mkdir(parents=True, exist_ok=True)
    prepare_backend(options.threads)
    start_backend()
    curves = {
        (criterion, seed): _curve(options, criterion, seed)
        for seed in range(options.seeds)
        for criterion in options.criteria
    }
    _print(options, curves)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, seeds=1)
    parser.add_argument("--criteria", nargs="+", default=["bypass", "leave-one-out", "random"])
    parser.add_argument("--removals", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("runs/greedy"))
    return parser.parse_args()


def _curve(options: argparse.Namespace, criterion: str, seed: int) -> list[float]:
    """Accuracies after 0, 1, ... removals."""
    path = options.cache / f"{criterion}-{options.samples}-{options.images}-{seed}.json"
    known: list[float] = json.loads(path.read_text("utf-8")) if path.exists() else []
    if len(known) > options.removals:
        return known[: options.removals + 1]
    from dataclasses import replace

    from prune_mi.graph.removal import remove_unit
    from prune_mi.graph.unit_discovery import outermost, removable_units
    from prune_mi.information.ranking import rank_units
    from prune_mi.keras_io.build import build_model
    from prune_mi.measure.quality import accuracy, predict

    question, data, understood = understood_question(options, criterion, seed=seed)
    held_out, calibration = held_out_and_calibration(data, options)
    graph, curve = question.graph, []
    for removed in range(options.removals + 1):
        if removed:
            units = [each for each in outermost(removable_units(graph)) if each.macs]
            # A control that draws must draw anew after each removal.
            asked = replace(question, graph=graph, units=units, seed=seed * 1000 + removed)
            graph = remove_unit(graph, rank_units(asked)[0].unit)
            graph = recalibrated(graph, calibration, question.scaling, understood.calibration)
        outputs = predict(build_model(graph), data.x_test[held_out], question.scaling)
        curve.append(accuracy(outputs, data.y_test[held_out]))
        print(f"{criterion}, seed {seed}: {removed} removed, {curve[-1]:.4f}", flush=True)
    path.write_text(json.dumps(curve), encoding="utf-8")
    return curve


def _print(options: argparse.Namespace, curves: dict[tuple[str, int], list[float]]) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    table = Table("removed", *options.criteria, title=f"{options.model.name}, mean of seeds")
    for removed in range(options.removals + 1):
        cells = []
        for criterion in options.criteria:
            found = [curves[criterion, seed][removed] for seed in range(options.seeds)]
            spread = f" ± {np.std(found):.4f}" if len(found) > 1 else ""
            cells.append(f"{np.mean(found):.4f}{spread}")
        table.add_row(str(removed), *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
