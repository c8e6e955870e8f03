"""prune-mi beside Torch-Pruning: both sides, one table. See README.md beside this file.

    python tests/benchmarks/peers/compare.py MODEL --data cifar10.npz --out comparison \
        --peers-python peers/bin/python
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from rows import amount, print_table


def main() -> None:
    """Exports the model, computes the rows that are missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--peers-python", required=True, type=Path)
    parser.add_argument("--methods", nargs="+", default=["magnitude", "taylor"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--target-macs", default="7626520")
    parser.add_argument("--target-params", default="47817")
    parser.add_argument("--optimizers", nargs="+", default=["adam", "muon"], help="of prune-mi")
    parser.add_argument("--statistics", default="recalibrated")
    parser.add_argument("--also", default="", help="further options of prune-mi in one string")
    parser.add_argument("--rate", default="3e-3", help="of Torch-Pruning's training")
    parser.add_argument("--augmentation", default="flip")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--images", default="252000")
    length.add_argument("--seconds")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    here, rows = Path(__file__).parent, options.out / "rows.jsonl"
    exported = options.out / f"exported-{max(options.seeds) + 1}.npz"
    if not exported.exists():
        seeds = ["--num-seeds", str(max(options.seeds) + 1)]
        _run(sys.executable, here / "export.py", options.model, "--data", options.data,
             "--out", exported, *seeds)  # fmt: skip
    length_words = (
        ("--seconds", options.seconds) if options.seconds else ("--images", options.images)
    )
    with np.load(exported) as arrays:
        macs = amount(options.target_macs, int(arrays["macs"]))
        params = amount(options.target_params, int(arrays["params"]))
    shared = ("--data", options.data, "--rows", rows, "--target-macs", macs,
              "--target-params", params, *length_words)  # fmt: skip
    for seed in options.seeds:
        for method in options.methods:
            _run(options.peers_python, here / "channel_pruning.py", exported, *shared,
                 "--methods", method, "--seeds", seed, "--statistics", options.statistics,
                 "--augmentation", options.augmentation, "--rate", options.rate)  # fmt: skip
        for optimizer in options.optimizers:
            _run(sys.executable, here / "prune_mi_side.py", options.model, *shared,
                 "--runs", options.out / "runs", "--seeds", seed, f"--also={options.also}",
                 "--optimizer", optimizer)  # fmt: skip
    print_table(rows)


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True)


if __name__ == "__main__":
    main()
