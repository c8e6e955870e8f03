"""Does a ranking by information gain tell what removing a unit costs?

The truth is the accuracy that a network loses on held-out images when the one unit is removed and
batch norm recalibrated. Printed beside it: the truth's own split-half reliability (Spearman-Brown),
and its square root, which no estimate is expected to exceed.

    python tests/benchmarks/ranking.py MODEL --data cifar10.npz

With `--removals`: how far down does each criterion lead, when nothing is trained? The block of
least gain goes, batch norm is recalibrated, the rest is ranked again, and so on: after each removal
the accuracy on held-out images. Blocks are units that lie inside no other one.

    python tests/benchmarks/ranking.py MODEL --data cifar10.npz --removals 12 \
        --criteria bypass leave-one-out random --seeds 1

Every criterion is asked with several seeds, each with samples of its own and in a process of its
own, so that seconds and memory are its own too. What is known is kept in the cache folder and not
measured again.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prune_mi.keras_io.runtime.backend import prepare_backend, start_backend, thread_settings

_THREADS_A_WORKER = 1
_CALIBRATION_IMAGES = 512
_CALIBRATION_BATCH = 128


def main() -> None:
    """Measures, or with `--one` answers for one criterion and seed."""
    options = _options()
    if options.one is not None:
        if options.removals is not None:
            prepare_backend(options.threads)
        start_backend()
        answer = _ranked_once if options.removals is None else _removed_one_by_one
        print(json.dumps(answer(options)))
        return
    options.cache.mkdir(parents=True, exist_ok=True)
    if options.removals is None:
        _measure_truth(options)
    answers = {
        criterion: [_asked(options, criterion, seed) for seed in range(options.seeds)]
        for criterion in options.criteria
    }
    if options.removals is None:
        _print(options, answers)
    else:
        _print_curves(options, answers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--criteria", nargs="+", default=["bypass", "kmeans", "paper"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--images", type=int, default=5000, help="held-out images")
    parser.add_argument("--removals", type=int, help="remove so many blocks one after the other")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2, help="of a process that removes")
    parser.add_argument("--cache", type=Path, default=Path("runs/ranking"))
    parser.add_argument("--plot", type=Path, help="scatter of gain and truth, .svg or .png")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _request_and_profile(  # type: ignore[no-untyped-def]
    options: argparse.Namespace, criterion: str, *, seed: int
):
    """What `prune-mi rank` would ask of a model, the data, the profile of the model."""
    from prune_mi.commands.rank import ranking_request
    from prune_mi.config import make_settings
    from prune_mi.preparation.find_profile import profile_of
    from prune_mi.preparation.loading import load_fitting_data, open_source
    from prune_mi.records import ModelSource, SilentObserver

    settings = make_settings(
        {"data": options.data, "seed": seed, "ranking": {"criterion": criterion}}
    )
    loaded = open_source(ModelSource(options.model))
    data = load_fitting_data(loaded, settings, SilentObserver())
    profile = profile_of(loaded.model, data, settings, SilentObserver())
    request = ranking_request(profile, data, settings, samples=options.samples)
    return request, data, profile


def _held_out_and_calibration(data, options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """Places of test images to score on, and the training images to recalibrate on."""
    import numpy as np

    rng = np.random.default_rng(1)
    held_out = rng.permutation(len(data.x_test))[: options.images]
    chosen = rng.permutation(len(data.x_train))[:_CALIBRATION_IMAGES]
    return held_out, data.x_train[chosen]


def _recalibrated(graph, images, scaling, policy):  # type: ignore[no-untyped-def]
    """The graph with the batch-norm statistics of raw training images, varied as in training."""
    import numpy as np

    from prune_mi.repair.recalibrate import recalibrate

    scaled = policy.apply(scaling.apply(images), rng=np.random.default_rng(0))
    starts = range(0, len(scaled) - _CALIBRATION_BATCH + 1, _CALIBRATION_BATCH)
    return recalibrate(graph, [scaled[start : start + _CALIBRATION_BATCH] for start in starts])


def _measure_truth(options: argparse.Namespace) -> None:
    """Which held-out images stay right without each unit, into `truth.npz`."""
    import numpy as np

    from prune_mi.execution.executor import Call, Value
    from prune_mi.execution.jobs import Job, Jobs
    from prune_mi.execution.processes import ProcessExecutor

    path = options.cache / "truth.npz"
    known = dict(np.load(path)) if path.exists() else {}
    start_backend()
    request, data, profile = _request_and_profile(options, "bypass", seed=0)
    held_out, calibration = _held_out_and_calibration(data, options)
    sites = {site.name: site for site in request.sites}
    left = [name for name in ("reference", *sites) if name not in known]
    jobs = [
        Job(
            name,
            _right_without,
            (
                request.graph if name == "reference" else sites[name].edited(request.graph),
                name == "reference",
                data.x_test[held_out],
                data.y_test[held_out],
                calibration,
                request.scaling,
                profile.calibration,
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
    from prune_mi.keras_io.model_graph.build import build_model
    from prune_mi.measure.predictor import predict

    if not whole:
        graph = _recalibrated(graph, calibration, scaling, policy)
    return predict(build_model(graph), images, scaling).argmax(axis=1) == labels


def _asked(options: argparse.Namespace, criterion: str, seed: int) -> dict[str, Any]:
    """What another process answers for a criterion and seed, or has answered earlier."""
    kind = f"{options.samples}-{seed}"
    if options.removals is not None:
        kind = f"{options.samples}-{options.images}-{options.removals}-removals-{seed}"
    path = options.cache / f"{criterion}-{kind}.json"
    if not path.exists():
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--one", criterion, "--seed", str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        path.write_text(done.stdout, encoding="utf-8")
        print(f"asked {criterion}, seed {seed}", flush=True)
    answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return answer


def _ranked_once(options: argparse.Namespace) -> dict[str, Any]:
    """The gain of each unit, and what it took to rank them."""
    from prune_mi.information.ranking import rank_sites
    from prune_mi.keras_io.model_graph.build import build_model
    from prune_mi.measure.predictor import predict

    request, _, _ = _request_and_profile(options, options.one, seed=options.seed)
    model = build_model(request.graph)
    predict(model, request.images[:128], request.scaling)
    started = time.monotonic()
    predict(model, request.images, request.scaling)
    forward = time.monotonic() - started
    started = time.monotonic()
    ranked = rank_sites(request)
    return {
        "gains": {each.site.name: each.score for each in ranked},
        "seconds": time.monotonic() - started,
        "forward_seconds": forward,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _removed_one_by_one(options: argparse.Namespace) -> dict[str, Any]:
    """Accuracies after 0, 1, ... removals."""
    from prune_mi.graph.units.discovery import outermost
    from prune_mi.graph.units.sites import unit_sites
    from prune_mi.information.ranking import rank_sites
    from prune_mi.keras_io.model_graph.build import build_model
    from prune_mi.measure.predictor import predict
    from prune_mi.measure.quality import accuracy

    request, data, profile = _request_and_profile(options, options.one, seed=options.seed)
    held_out, calibration = _held_out_and_calibration(data, options)
    graph, curve = request.graph, []
    for removed in range(options.removals + 1):
        if removed:
            sites = [each for each in outermost(unit_sites(graph)) if each.saves["macs"]]
            # A control that draws must draw anew after each removal.
            seed = options.seed * 1000 + removed
            ranked = rank_sites(replace(request, graph=graph, sites=sites, seed=seed))
            graph = ranked[0].site.edited(graph)
            graph = _recalibrated(graph, calibration, request.scaling, profile.calibration)
        outputs = predict(build_model(graph), data.x_test[held_out], request.scaling)
        curve.append(accuracy(outputs, data.y_test[held_out]))
        told = f"{options.one}, seed {options.seed}: {removed} removed, {curve[-1]:.4f}"
        print(told, file=sys.stderr, flush=True)
    return {"accuracies": curve}


def _print(options: argparse.Namespace, answers: dict[str, list[dict[str, Any]]]) -> None:
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


def _print_curves(options: argparse.Namespace, answers: dict[str, list[dict[str, Any]]]) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    table = Table("removed", *options.criteria, title=f"{options.model.name}, mean of seeds")
    for removed in range(options.removals + 1):
        cells = []
        for criterion in options.criteria:
            found = [each["accuracies"][removed] for each in answers[criterion]]
            spread = f" ± {np.std(found):.4f}" if len(found) > 1 else ""
            cells.append(f"{np.mean(found):.4f}{spread}")
        table.add_row(str(removed), *cells)
    Console(width=120).print(table)


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
