"""The table of DEIM 2019 A3-4 (Namekawa & Tezuka): NASH, deletion at random, deletion by MI.

Every method is run with the same seeds on the same images, from its file in configs/. What has run
already is read from its run folder, so that an interrupted table goes on where it was.

    python examples/reproduce_deim2019.py --data cifar10 --out runs/deim2019
    python examples/reproduce_deim2019.py --data cifar10 --out runs/small --scale 0.01 --seeds 3

At full size a method takes hours on a CPU, and a good part of one on a GPU (KERAS_BACKEND=jax).
--scale shrinks the work, epochs and training images each by its square root; the test images stay
all of them.

In the paper a network that has lost layers is trained from fresh weights. In small trainings such a
network cannot catch up with its parent, which has been trained ever since the first generation:
--weights inherit repairs it in place of that.

Images are mirrored and shifted by chance, of which the paper says nothing: without that, whole
trainings learn them by heart in the first generation, and none after it gets any better.
--augmentation none leaves it out, as may be right for small trainings.

Deletion by MI trains every child a second time, without a layer. So that all methods see as many
images, both trainings are half as long; --as-published makes them whole, as in the paper. The
project's own method has as many images too, in batches half as large.
"""

import argparse
import hashlib
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from prune_mi import __version__, search_architecture
from prune_mi.config import read_yaml
from prune_mi.data import load_dataset, stratified_sample
from prune_mi.records import SearchReport
from prune_mi.report import read_search_report

CONFIGS = Path(__file__).parent.parent / "configs"
FILES = {
    "nash": "deim2019_nash.yaml",
    "random": "deim2019_random.yaml",
    "mi": "deim2019_mi.yaml",
    "default": "search_default.yaml",
}
# Test accuracy, layers, adoptions of trials.
PAPER = {"nash": ("0.82", "29", ""), "random": ("0.76", "16", ""), "mi": ("0.75", "14", "14 of 25")}
SAME_WORK = ("generations", "children", "child_epochs", "final_epochs")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is missing, then prints the table."""
    options = _options(arguments)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 120)  # a log need not wrap the table
    data = _smaller(options.data, options.out, options.scale)
    reports = {
        method: [_run(method, seed, data, options, console) for seed in range(options.seeds)]
        for method in options.methods
    }
    _print(reports, console)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="as for prune-mi search")
    parser.add_argument("--out", type=Path, required=True, help="folder of all run folders")
    parser.add_argument("--methods", nargs="+", choices=FILES, default=["nash", "random", "mi"])
    parser.add_argument("--seeds", type=_count, default=1)
    parser.add_argument("--scale", type=_share, default=1.0, help="of the work, above 0 to 1")
    parser.add_argument("--weights", choices=["scratch", "inherit"], default="scratch")
    parser.add_argument("--augmentation", choices=["none", "flip", "shift", "flip+shift"])
    parser.add_argument("--as-published", action="store_true", help="mi trains twice as much")
    parser.add_argument("--generations", type=_count, help="default: the paper's 5")
    parser.add_argument("--children", type=_count, help="a generation; default: the paper's 5")
    parser.add_argument("--workers", type=_count, help="default: one a core, on a GPU 5 at most")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few; expected 1 or more")
    return int(text)


def _share(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share; expected above 0, to 1")
    return float(text)


def _smaller(data: str, out: Path, scale: float) -> str:
    """The data with fewer training images, in a file of their own."""
    out.mkdir(parents=True, exist_ok=True)
    if scale == 1:
        return data
    path = out / f"data-{scale:g}.npz"
    if not path.exists():
        whole = load_dataset(data)
        num = round(len(whole.y_train) * math.sqrt(scale))
        chosen = stratified_sample(whole.y_train, size=num, rng=np.random.default_rng(0))
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial,
            x_train=whole.x_train[chosen],
            y_train=whole.y_train[chosen],
            x_test=whole.x_test,
            y_test=whole.y_test,
        )
        partial.rename(path)
    return str(path)


def _run(
    method: str, seed: int, data: str, options: argparse.Namespace, console: Console
) -> SearchReport:
    work = f"{options.scale:g}-{options.weights}"
    work += "-as-published" if options.as_published else ""
    work += "" if options.augmentation is None else f"-{options.augmentation}"
    for name in ("generations", "children"):
        asked = getattr(options, name)
        work += "" if asked is None else f"-{asked}-{name}"
    settings = read_yaml(CONFIGS / FILES[method])
    paper = read_yaml(CONFIGS / FILES["nash"])
    settings |= {name: paper[name] for name in SAME_WORK}
    fewer = {"generations": options.generations, "children": options.children}
    settings |= {name: value for name, value in fewer.items() if value is not None}
    for epochs in ("child_epochs", "final_epochs"):
        settings[epochs] *= math.sqrt(options.scale)
    if method == "mi" and not options.as_published:
        settings["child_epochs"] /= 2
    if method in ("random", "mi"):
        settings["weights"] = options.weights
    if options.augmentation is not None:
        settings["training"] = {**settings["training"], "augmentation": options.augmentation}
    # What has run with other settings is another run.
    told = json.dumps([__version__, settings], sort_keys=True)
    digest = hashlib.sha256(told.encode()).hexdigest()[:6]
    folder = options.out / f"{method}-{work}-{digest}-{seed}"
    if (folder / "report.json").exists():
        return read_search_report(folder / "report.json")
    settings |= {"data": data, "seed": seed, "workers": options.workers}
    report = search_architecture(**settings, out=folder, overwrite=True)
    console.print(
        f"{method}, seed {seed}: test accuracy {report.result.test_metric:.4f}, "
        f"{report.layers} layers, {report.elapsed_s:.0f} s",
        highlight=False,
    )
    return report


def _print(reports: dict[str, list[SearchReport]], console: Console) -> None:
    table = Table(
        *("method", "test accuracy", "layers", "params", "adopted", "images", "minutes"),
        *("paper: accuracy", "paper: layers", "paper: adopted"),
    )
    for method, found in reports.items():
        trials = sum(each.trials for each in found)
        adopted = sum(each.adoptions for each in found)
        table.add_row(
            method,
            _spread([each.result.test_metric for each in found], ".4f"),
            _spread([each.layers for each in found], ".1f"),
            _spread([each.result.num_params for each in found], ",.0f"),
            f"{adopted} of {trials}" if trials else "",
            _spread([each.total_images for each in found], ",.0f"),
            _spread([each.elapsed_s / 60 for each in found], ".1f"),
            *PAPER.get(method, ("", "", "")),
        )
    console.print(table)


def _spread(values: Sequence[float], form: str) -> str:
    """Mean and standard deviation over the seeds."""
    mean = format(statistics.fmean(values), form)
    return f"{mean} ± {format(statistics.stdev(values), form)}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
