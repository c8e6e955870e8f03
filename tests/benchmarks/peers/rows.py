"""Finished rows of the comparison, one JSON object a line, and the table made of them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """What makes a row; equal ones are not worked out twice.

    Attributes:
        method: `prune-mi`, or how Torch-Pruning ranks channels.
        target_macs, target_params: What the network may cost at most.
        images: Training images, or None where the clock decides.
        seconds: Time limit, or None where images decide.
        statistics: The batch-norm statistics that it starts from, `given` or `recalibrated`, or
            `chosen` where validation chooses.
        augmentation: `none`, `flip` or `flip+shift`; `found` where the method finds it by itself.
        rate: The learning rate at its peak, or None where the method finds it by itself.
    """

    method: str
    target_macs: int
    target_params: int
    images: int | None
    seconds: float | None
    statistics: str
    augmentation: str
    rate: float | None
    seed: int


@dataclass(frozen=True, slots=True)
class Row:
    """One finished network.

    Attributes:
        channels: Output channels of the convolutions in their order, with spaces between.
        images_trained: Images that it was trained on.
        validation: Accuracy on the half of the test set that chooses.
        test: Accuracy on the full test set.
        unseen: Accuracy on the other half, which chooses nothing.
        final_statistics: The batch-norm statistics of the result, `trained` or `recalibrated`.
        images_per_s: While training alone, or None where it was not measured.
        elapsed_s: Of the whole, start and measuring included.
    """

    asked: Asked
    macs: int
    params: int
    channels: str
    images_trained: int
    validation: float
    test: float
    unseen: float
    final_statistics: str
    images_per_s: float | None
    elapsed_s: float


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file. A last line that was cut off is left out."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            plain = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows.append(Row(**{**plain, "asked": Asked(**plain["asked"])}))
    return rows


def is_finished(path: Path, asked: Asked) -> bool:
    """Whether such a row is in the file."""
    return any(row.asked == asked for row in read_rows(path))


def add_row(path: Path, row: Row) -> None:
    """Appends a row."""
    text = json.dumps(asdict(row)) + "\n"
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        text = "\n" + text  # a line was cut off
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def amount(text: str, of: int) -> int:
    """Reads a share such as 0.5, or an amount such as 7626520 or 6M, as prune-mi does."""
    unit = {"k": 1e3, "M": 1e6}.get(text[-1])
    number = float(text[:-1]) * unit if unit else float(text)
    return int(number * of) if number <= 1 else int(number)


def print_table(path: Path) -> None:
    """Prints equal images first, then equal time, the larger networks first."""
    rows = read_rows(path)
    for heading, timed in (("Equal images", False), ("Equal time, one thread", True)):
        chosen = [row for row in rows if (row.asked.seconds is not None) == timed]
        if not chosen:
            continue
        print(f"\n{heading}")
        print(
            f"{'method':13} {'seed':>4} {'start':>12} {'augmented':>10} {'rate':>6} "
            f"{'images':>8} {'MACs':>11} {'params':>7}  {'channels':28} {'test':>7} "
            f"{'unseen':>7} {'image/s':>8} {'s':>6}"
        )
        for row in sorted(chosen, key=_place):
            asked = row.asked
            rate = "found" if asked.rate is None else f"{asked.rate:g}"
            speed = "-" if row.images_per_s is None else f"{row.images_per_s:.0f}"
            print(
                f"{asked.method:13} {asked.seed:4} {asked.statistics:>12} {asked.augmentation:>10} "
                f"{rate:>6} "
                f"{row.images_trained:8,} {row.macs:11,} {row.params:7,}  {row.channels:28} "
                f"{row.test:7.4f} {row.unseen:7.4f} {speed:>8} {row.elapsed_s:6.0f}"
            )


def _place(row: Row) -> tuple[object, ...]:
    asked = row.asked
    amount = asked.images if asked.seconds is None else asked.seconds
    about = asked.statistics, asked.augmentation, asked.rate or 0, asked.seed
    return -asked.target_macs, -asked.target_params, amount, asked.method, *about
