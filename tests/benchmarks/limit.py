"""How often the allowed drop holds on images that selection has not seen.

    python tests/benchmarks/limit.py RUN [RUN ...] [--confidence 0.9] [--resplits 1000]

Each RUN is the folder of a run of `prune-mi optimize` that trained something. Its validation images
are split anew into validation and unseen halves, many times; on the one half the choice among all
its trained children is made again, as selection makes it, and on the other it is looked at whether
the chosen child stays within the allowed drop. Only those resplits count that accept a child.

Columns: how many resplits accepted one; the mean of the probabilities told; how often the drop
held. First without a confidence, then with it. Below, over all runs together, told probabilities
against what happened, by tenths.
"""

import argparse
from pathlib import Path

import numpy as np

from prune_mi.measure.limit import choose_within
from prune_mi.report import read_report


def resplit(
    folder: Path, confidence: float | None, resplits: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """For each resplit that accepts a child, the told probability and whether the drop held."""
    report = read_report(folder / "report.json")
    with np.load(folder / "trained.npz") as written:
        before, weights, scores = written["original"], written["weights"], written["scores"]
        order = np.argsort(written["params" if report.objective == "params" else "macs"])
    after, told, held = scores[order], [], []
    for _ in range(resplits):
        shuffled = rng.permutation(len(before))
        seen, unseen = np.array_split(shuffled, 2)
        chosen = choose_within(
            before[seen],
            list(after[:, seen]),
            weights[seen] / weights[seen].sum(),
            limit=report.max_accuracy_drop,
            confidence=confidence,
            num_unseen=len(unseen),
            rng=rng,
        )
        if chosen.place is None:
            continue
        drop = (
            weights[unseen]
            / weights[unseen].sum()
            @ (before[unseen].astype(float) - after[chosen.place][unseen])
        )
        told.append(chosen.chance)
        held.append(drop <= report.max_accuracy_drop + 1e-12)
    return np.array(told), np.array(held, dtype=bool)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--confidence", type=float, default=0.9)
    parser.add_argument("--resplits", type=int, default=1000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    everything = {}
    for confidence in (None, options.confidence):
        print(f"\nconfidence {confidence}: run, limit, children, accepted, told, held")
        all_told, all_held = [], []
        for folder in options.runs:
            told, held = resplit(folder, confidence, options.resplits, rng)
            report = read_report(folder / "report.json")
            with np.load(folder / "trained.npz") as written:
                children = len(written["names"])
            means = f"{told.mean():8.3f} {held.mean():8.3f}" if len(told) else "       -        -"
            print(
                f"{folder.name:24} {report.max_accuracy_drop:6.3f} {children:4d} "
                f"{len(told):6d} {means}",
                flush=True,
            )
            all_told.append(told)
            all_held.append(held)
        told, held = np.concatenate(all_told), np.concatenate(all_held)
        everything[confidence] = told, held
        if len(told):
            print(f"{'together':24} {'':11} {len(told):6d} {told.mean():8.3f} {held.mean():8.3f}")
    print("\ntold against held, without and with a confidence: told from, resplits, told, held")
    for told, held in everything.values():
        for low in np.arange(0.0, 1.0, 0.1):
            among = (told >= low) & (told < low + 0.1)
            if among.sum() >= 50:
                print(
                    f"{low:4.1f} {among.sum():6d} {told[among].mean():8.3f} "
                    f"{held[among].mean():8.3f}"
                )
        print()


if __name__ == "__main__":
    main()
