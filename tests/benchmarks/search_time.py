"""How much of a search goes on anything but training?

One worker, so that nothing runs beside anything else: what is not the step of a training is
building, tracing, ranking, repairing, scoring or writing.

    python tests/benchmarks/search_time.py --data cifar10.npz
"""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from prune_mi import search_architecture
from prune_mi.keras_io.runtime.backend import start_backend


def main() -> None:
    """Runs a short search by each method and prints where its time went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, default=10_000, help="training images")
    parser.add_argument("--epochs", type=float, default=5.0, help="a child")
    parser.add_argument("--methods", nargs="+", default=["nash", "mi", "default"])
    options = parser.parse_args()
    start_backend()
    table = Table("method", "seconds", "in training steps", "outside", "trained children")
    with tempfile.TemporaryDirectory() as scratch:
        data = _part(options.data, options.images, Path(scratch))
        for method in options.methods:
            report = search_architecture(
                data=data,
                out=Path(scratch) / method,
                method=method,
                generations=2,
                children=3,
                child_epochs=options.epochs,
                final_epochs=options.epochs,
                workers=1,
            )
            outside = 1 - report.training_s / report.elapsed_s
            children = sum(len(each.children) for each in report.generations)
            table.add_row(
                method,
                f"{report.elapsed_s:.0f}",
                f"{report.training_s:.0f}",
                f"{outside:.1%}",
                str(children),
            )
    Console(width=100).print(table)


def _part(data: str, num_images: int, folder: Path) -> str:
    import numpy as np

    from prune_mi.data import load_dataset, stratified_sample

    whole = load_dataset(data)
    # A tenth of them will validate.
    num = min(len(whole.y_train), round(num_images / 0.9))
    chosen = stratified_sample(whole.y_train, size=num, rng=np.random.default_rng(0))
    path = folder / "part.npz"
    arrays = {"x_train": whole.x_train[chosen], "y_train": whole.y_train[chosen]}
    np.savez(path, **arrays, x_test=whole.x_test[:2000], y_test=whole.y_test[:2000])
    return str(path)


if __name__ == "__main__":
    main()
