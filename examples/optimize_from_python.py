"""Optimizes a model from Python: `optimize` does what `prune-mi optimize` does.

    python examples/optimize_from_python.py

Trains a small ResNet on scikit-learn's digits with the example beside this one, makes it smaller,
and prints it before and after.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from train_small_model import train_small_model

import prune_mi


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains a small ResNet on digits, shrinks it.")
    parser.add_argument("--epochs", type=int, default=10, help="of the original's training")
    parser.add_argument(
        "--budget", default="90s", help="for the optimization, such as 90s or 5m, or none"
    )
    parser.add_argument("--generations", type=int, default=5, help="of the optimization, at most")
    parser.add_argument("--children", type=int, default=8, help="in each generation")
    parser.add_argument("--out", type=Path, help="folder to keep all files in")
    options = parser.parse_args(arguments)

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        model, _ = train_small_model("resnet", "digits", folder, epochs=options.epochs, verbose=0)
        report = prune_mi.optimize(
            model,
            data="digits",
            out=folder / "run",
            budget=None if options.budget == "none" else options.budget,
            generations=options.generations,
            children=options.children,
            max_accuracy_drop=0.02,
        )

    for name, facts in (("before", report.reference), ("after", report.result)):
        print(
            f"{name:6}  test accuracy {facts.test_metric:.4f}  params {facts.num_params:>7,}"
            f"  MACs {facts.macs:>9,}  layers {facts.num_layers}"
        )
    for morph in report.removals:
        print(f"{morph.kind} {morph.target}: {morph.reason}")
    print(f"stopped: {report.stop_reason}")


if __name__ == "__main__":
    main()
