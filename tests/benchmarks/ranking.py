"""Does a ranking by information gain tell what removing a unit costs?

The truth is the accuracy that a network loses on held-out images when the one unit is removed and
batch norm recalibrated. Printed beside it: the truth's own split-half reliability (Spearman-Brown),
and its square root, which no estimate is expected to exceed. Every criterion is asked with several
seeds, each with samples of its own and in a process of its own, so that seconds and memory are its
own too. What is known is kept in the cache folder and not measured again.

    python tests/benchmarks/ranking.py MODEL --data cifar10.npz
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from subject import add_arguments, held_out_and_calibration, recalibrated, understood_question

from prune_mi.keras_io.runtime import start_backend, thread_settings

_THREADS_A_WORKER = 1


def main() -> None:
    """Measures, or with `--one` answers for one criterion and seed."""
    options = _options()
    if options.one is not None:
        start_backend()
        _answer_one(options, options.one)
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    _measure_truth(options)
    answers = {
        criterion: [_asked(options, criterion, seed) for seed in range(options.seeds)]
        for criterion in options.criteria
    }
    _print(options, answers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, seeds=3)
    parser.add_argument("--criteria", nargs="+", default=["bypass", "kmeans", "paper"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("runs/ranking"))
    parser.add_argument("--plot", type=Path, help="scatter of gain and truth, .svg or .png")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure_truth(options: argparse.Namespace) -> None:
    """Which held-out images stay right without each unit, into `truth.npz`."""
    import numpy as np

    from prune_mi.execution.executor import Call, Value
    from prune_mi.execution.jobs import Job, Jobs
    from prune_mi.execution.processes import ProcessExecutor
    from prune_mi.graph.removal import remove_unit

    path = options.cache / "truth.npz"
    known = dict(np.load(path)) if path.exists() else {}
    start_backend()
    question, data, understood = understood_question(options, "bypass", seed=0)
    held_out, calibration = held_out_and_calibration(data, options)
    graphs = {unit.name: (question.graph, unit) for unit in question.units}
    left = [name for name in ("reference", *graphs) if name not in known]
    jobs = [
        Job(
            name,
            _right_without,
            (
                question.graph if name == "reference" else remove_unit(*graphs[name]),
                name == "reference",
                data.x_test[held_out],
                data.y_test[held_out],
                calibration,
                question.scaling,
                understood.calibration,
            ),
        )
        for name in left
    ]
    executor = ProcessExecutor(keep=options.workers)
    environment = thread_settings(_THREADS_A_WORKER)
    pool = Jobs(
        executor,
        workers=options.workers,
        call=lambda job, _: Call(job.name, job.function, job.args, environment=environment),
        note=print,
    )
    for number, job in enumerate(pool.done(jobs), start=1):
        if not isinstance(job.outcome, Value):
            sys.exit(f"{job.name}: {job.outcome}")
        known[job.name] = right = job.outcome.value
        np.savez(path, **known)
        print(f"truth {number} of {len(left)}: {job.name} {right.mean():.4f}", flush=True)
    executor.close()


def _right_without(graph, whole, images, labels, calibration, scaling, policy):  # type: ignore[no-untyped-def]
    start_backend()
    from prune_mi.keras_io.build import build_model
    from prune_mi.measure.quality import predict

    if not whole:
        graph = recalibrated(graph, calibration, scaling, policy)
    return predict(build_model(graph), images, scaling).argmax(axis=1) == labels


def _asked(options: argparse.Namespace, criterion: str, seed: int) -> dict[str, object]:
    path = options.cache / f"{criterion}-{options.samples}-{seed}.json"
    if not path.exists():
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--one", criterion, "--seed", str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        path.write_text(done.stdout, encoding="utf-8")
        print(f"asked {criterion}, seed {seed}", flush=True)
    answer: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return answer


def _answer_one(options: argparse.Namespace, criterion: str) -> None:
    from prune_mi.information.ranking import rank_units
    from prune_mi.keras_io.build import build_model
    from prune_mi.measure.quality import predict

    question, _, _ = understood_question(options, criterion, seed=options.seed)
    model = build_model(question.graph)
    predict(model, question.images[:128], question.scaling)
    started = time.monotonic()
    predict(model, question.images, question.scaling)
    forward = time.monotonic() - started
    started = time.monotonic()
    ranked = rank_units(question)
    seconds = time.monotonic() - started
    answer = {
        "gains": {each.unit.name: each.score for each in ranked},
        "seconds": seconds,
        "forward_seconds": forward,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(answer))


def _print(options: argparse.Namespace, answers: dict[str, list[dict[str, object]]]) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    truth = dict(np.load(options.cache / "truth.npz"))
    whole = truth.pop("reference")
    names = list(truth)
    right = np.stack([truth[name] for name in names])
    drops = whole.mean() - right.mean(axis=1)
    reliability = _reliability(whole, right)
    console = Console(width=110)
    console.print(
        f"{options.model.name}: {len(names)} units, {right.shape[1]} held-out images, accuracy "
        f"{whole.mean():.4f}; drops {drops.min():.4f} to {drops.max():.4f}, reliability "
        f"{reliability:.3f}, ceiling {np.sqrt(max(reliability, 0)):.3f}"
    )
    table = Table("criterion", "Spearman", "spread", "stability", "seconds", "of forward", "MiB")
    for criterion, by_seed in answers.items():
        gains = np.array([[each["gains"][name] for name in names] for each in by_seed])
        with_truth = [_spearman(row, drops) for row in gains]
        pairs = [
            _spearman(gains[i], gains[j]) for i in range(len(gains)) for j in range(i)
        ]  # fmt: skip
        seconds = float(np.mean([each["seconds"] for each in by_seed]))
        forward = float(np.mean([each["forward_seconds"] for each in by_seed]))
        table.add_row(
            criterion,
            f"{np.mean(with_truth):.3f}",
            f"{np.std(with_truth):.3f}",
            f"{np.mean(pairs):.3f}" if pairs else "",
            f"{seconds:.1f}",
            f"{seconds / forward:.1f} x {forward:.1f} s",
            f"{max(each['peak_mib'] for each in by_seed):.0f}",
        )
    console.print(table)
    if options.plot is not None:
        _plot(options, answers, names, drops)


def _spearman(one: Sequence[float], other: Sequence[float]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def _reliability(whole, right) -> float:  # type: ignore[no-untyped-def]
    """Split-half reliability of the drops over 50 splits of the images, stepped up to all."""
    import numpy as np

    rng, found = np.random.default_rng(0), []
    for _ in range(50):
        half = rng.permutation(right.shape[1]) < right.shape[1] // 2
        drops = [whole[part].mean() - right[:, part].mean(axis=1) for part in (half, ~half)]
        found.append(_spearman(*drops))
    mean = float(np.mean(found))
    return 2 * mean / (1 + mean)


def _plot(options, answers, names, drops) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(answers), 4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (criterion, by_seed) in enumerate(answers.items(), start=1):
        axes = figure.add_subplot(1, len(answers), place)
        for each in by_seed:
            axes.scatter([each["gains"][name] for name in names], drops, s=8)
        axes.set(title=criterion, xlabel="gain", ylabel="accuracy lost" if place == 1 else "")
    figure.savefig(options.plot, dpi=120)


if __name__ == "__main__":
    main()
