"""prune-mi's rows of the comparison.

    python tests/benchmarks/peers/prune_mi_side.py MODEL --data DATA --rows rows.jsonl --runs runs

A run that was interrupted goes on; a finished row is not computed again.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from rows import Asked, Row, add_row, is_finished, print_table

from prune_mi.keras_io.runtime.backend import start_backend
from prune_mi.report import read_report


def command(
    asked: Asked, model: Path, data: str, run: Path, also: str, optimizer: str
) -> list[str]:
    """What runs prune-mi; every option is here."""
    if (run / "events.jsonl").exists():
        return [sys.executable, "-m", "prune_mi", "optimize", "--resume", str(run)]
    length = {"--images": asked.images}
    if asked.seconds is not None:
        length = {"--budget": f"{asked.seconds:g}s"}
    run.parent.mkdir(parents=True, exist_ok=True)
    config = run.with_name(f"{optimizer}.yaml")
    config.write_text(f"training: {{optimizer: {optimizer}}}\n", encoding="utf-8")
    flags = {
        "--config": config,
        "--data": data,
        "--out": run,
        "--target-macs": asked.target_macs,
        "--target-params": asked.target_params,
        "--seed": asked.seed,
        "--workers": 1,
        **length,
    }
    words = [str(word) for pair in flags.items() for word in pair]
    start = [sys.executable, "-m", "prune_mi", "optimize", str(model), *words]
    return [*start, "--no-control", *shlex.split(also)]


def row_of(asked: Asked, run: Path) -> Row:
    """Reads what a run came to.

    Raises:
        SystemExit: If no network kept the targets.
    """
    report = read_report(run / "report.json")
    result = report.result
    if result.macs > asked.target_macs or result.num_params > asked.target_params:
        raise SystemExit(f"{run}: no network was under both targets: {'; '.join(report.missed)}")
    start_backend()
    from prune_mi.keras_io.loading.load import load_model

    layers = load_model(run / report.files[0]).model.layers
    widths = [str(layer.filters) for layer in layers if hasattr(layer, "filters")]
    return Row(
        asked=asked,
        macs=result.macs,
        params=result.num_params,
        channels=" ".join(widths),
        images_trained=report.images_trained,
        validation=result.val_metric,
        test=result.full_test_metric,
        unseen=result.test_metric,
        final_statistics="chosen",
        images_per_s=None,
        elapsed_s=report.elapsed_s,
    )


def main() -> None:
    """Computes the rows that are missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", required=True, type=Path)
    parser.add_argument("--runs", required=True, type=Path, help="where the run folders go")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--target-macs", type=int, default=7_626_520)
    parser.add_argument("--target-params", type=int, default=47_817)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--images", type=int, default=252_000)
    length.add_argument("--seconds", type=float)
    parser.add_argument(
        "--also", default="", help="further options of prune-mi in one string, as --also=--quiet"
    )
    parser.add_argument("--optimizer", default="adam", help="adam is Torch-Pruning's, too")
    options = parser.parse_args()
    method = "prune-mi" if options.optimizer == "adam" else f"prune-mi {options.optimizer}"
    for seed in options.seeds:
        asked = Asked(
            method=method,
            target_macs=options.target_macs,
            target_params=options.target_params,
            images=None if options.seconds is not None else options.images,
            seconds=options.seconds,
            statistics="chosen",
            augmentation="found",
            rate=None,
            seed=seed,
        )
        if is_finished(options.rows, asked):
            continue
        amount = f"{asked.images}-images" if asked.seconds is None else f"{asked.seconds:g}s"
        targets = f"{asked.target_macs}-{asked.target_params}"
        run = options.runs / f"{method.replace(' ', '-')}-{targets}-{amount}-{seed}"
        if not (run / "report.json").exists():
            done = subprocess.run(
                command(asked, options.model, options.data, run, options.also, options.optimizer)
            )
            if done.returncode not in (0, 3):
                raise SystemExit(f"prune-mi ended with {done.returncode}")
        add_row(options.rows, row_of(asked, run))
    print_table(options.rows)


if __name__ == "__main__":
    main()
