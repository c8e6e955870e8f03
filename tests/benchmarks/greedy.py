"""How far down does each criterion lead, when nothing is trained?

From a network the block of least gain goes, batch norm is recalibrated, the rest is ranked again,
and so on: after each removal the accuracy on held-out images. Blocks are units that lie inside no
other one. What is known is kept in the cache folder and not measured again.

    python tests/benchmarks/greedy.py MODEL --data cifar10.npz --removals 12
"""

import argparse
import json
from pathlib import Path

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
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--criteria", nargs="+", default=["bypass", "leave-one-out", "random"])
    parser.add_argument("--removals", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--images", type=int, default=5000, help="held-out images")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("runs/greedy"))
    return parser.parse_args()


def _curve(options: argparse.Namespace, criterion: str, seed: int) -> list[float]:
    """Accuracies after 0, 1, ... removals."""
    path = options.cache / f"{criterion}-{options.samples}-{options.images}-{seed}.json"
    curve: list[float] = json.loads(path.read_text("utf-8")) if path.exists() else []
    if len(curve) > options.removals:
        return curve[: options.removals + 1]
    from dataclasses import replace

    import numpy as np
    from ranking import understood_question

    from prune_mi.graph.removal import remove_unit
    from prune_mi.graph.units import outermost, removable_units
    from prune_mi.information.ranking import rank_units
    from prune_mi.keras_io.build import build_model
    from prune_mi.measure.quality import accuracy, predict
    from prune_mi.repair.recalibrate import recalibrate

    question, data, understood = understood_question(
        options.model, options.data, criterion, seed=seed, samples=options.samples
    )
    held_out = np.random.default_rng(1).permutation(len(data.x_test))[: options.images]
    chosen = np.random.default_rng(2).permutation(len(data.x_train))[:512]
    calibration = understood.calibration.apply(
        question.scaling.apply(data.x_train[chosen]), rng=np.random.default_rng(0)
    )
    graph, curve = question.graph, []
    for removed in range(options.removals + 1):
        if removed:
            units = [each for each in outermost(removable_units(graph)) if each.macs]
            # A control that draws must draw anew after each removal.
            asked = replace(question, graph=graph, units=units, seed=seed * 1000 + removed)
            graph = remove_unit(graph, rank_units(asked)[0].unit)
            starts = range(0, len(calibration) - 127, 128)
            graph = recalibrate(graph, [calibration[start : start + 128] for start in starts])
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
