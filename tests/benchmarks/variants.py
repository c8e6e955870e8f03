"""What each part of `optimize` contributes: the same run without it, on as many images.

    python tests/benchmarks/variants.py MODEL --data DATA --out runs --target-macs 0.5 \
        --target-params 0.5 --images 100000 --seeds 0 1 2

Two runs go on at a time, one thread each. A run that was interrupted goes on, a finished one is not
made again. Printed are means over the seeds, with the standard deviation, of the accuracy on the
full test set, and of the half that no selection has seen.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prune_mi.records import RunReport
from prune_mi.report import read_report

VARIANTS: dict[str, dict[str, Any]] = {
    "everything": {},
    "without units": {"mix": "narrowing"},
    "without narrowing": {"mix": "deletion-by-rank"},
    "without refit": {"repair": "statistics"},
    "variance": {"repair": "variance"},
    "without distillation": {"training": {"distillation": 0.0}},
    "taylor": {"ranking": {"channel_criterion": "taylor"}},
    "magnitude": {"ranking": {"channel_criterion": "magnitude"}},
    "random": {"ranking": {"channel_criterion": "random"}},
}


def main() -> None:
    """Makes the runs that are missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True, help="where the run folders go")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--target-macs")
    parser.add_argument("--target-params")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--generations", type=int, default=1)
    parser.add_argument("--child-epochs", type=float, default=0.5)
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    asked = [(name, seed) for seed in options.seeds for name in options.variants]
    with ThreadPoolExecutor(options.at_once) as threads:
        for name, seed, code in threads.map(lambda each: _made(options, *each), asked):
            print(f"{name}, seed {seed}: exit code {code}", flush=True)
    _print(options)


def _folder(options: argparse.Namespace, name: str, seed: int) -> Path:
    return Path(options.out / f"{name.replace(' ', '-')}-{seed}")


def _made(options: argparse.Namespace, name: str, seed: int) -> tuple[str, int, int]:
    """One run, and its exit code."""
    folder = _folder(options, name, seed)
    if (folder / "report.json").exists():
        return name, seed, 0
    settings = {
        "data": options.data,
        "seed": seed,
        "images": options.images,
        "generations": options.generations,
        "child_epochs": options.child_epochs,
        "target_macs": options.target_macs,
        "target_params": options.target_params,
        "workers": 1,
        "control": False,
        **VARIANTS[name],
    }
    config = folder.with_suffix(".yaml")
    config.write_text(yaml.safe_dump({k: v for k, v in settings.items() if v is not None}))
    words = ["optimize", str(options.model), "--config", str(config), "--out", str(folder)]
    if (folder / "events.jsonl").exists():
        words = ["optimize", "--resume", str(folder)]
    with folder.with_suffix(".log").open("a") as log:
        done = subprocess.run(
            [sys.executable, "-m", "prune_mi", *words], stdout=log, stderr=subprocess.STDOUT
        )
    return name, seed, done.returncode


def _print(options: argparse.Namespace) -> None:
    print(f"\n{'':22} {'MACs':>11} {'params':>9} {'images':>8} {'full test':>16} {'unseen':>16}")
    for name in options.variants:
        reports = [
            read_report(path)
            for seed in options.seeds
            if (path := _folder(options, name, seed) / "report.json").exists()
        ]
        print(f"{name:22} {_row(reports)}")


def _row(reports: Sequence[RunReport]) -> str:
    if not reports:
        return "no run was finished"
    if any(each.missed for each in reports):
        return f"the target was missed: {'; '.join(reports[0].missed)}"
    macs, params = (
        np.mean([getattr(each.result, name) for each in reports]) for name in ("macs", "num_params")
    )
    images = np.mean([each.images_trained for each in reports])
    full, unseen = (
        _spread([getattr(each.result, name) for each in reports])
        for name in ("full_test_metric", "test_metric")
    )
    return f"{macs:11,.0f} {params:9,.0f} {images:8,.0f} {full:>16} {unseen:>16}"


def _spread(values: Sequence[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


if __name__ == "__main__":
    main()
