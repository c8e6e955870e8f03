"""Numbers, durations and morphisms in the words that the console and the summary share."""

import shlex
from collections.abc import Sequence

from prune_mi.costs.kind import CostKind
from prune_mi.records import MorphRecord
from prune_mi.tasks import agreement
from prune_mi.tasks.catalog import task_of


def count_text(count: int) -> str:
    """`78666` as `78,666`."""
    return f"{count:,}"


def quantity_text(quantity: float) -> str:
    """`12501632` as `12.5 M`: three digits and a decimal unit."""
    return _scaled(float(quantity), 1000.0, ("", " k", " M", " G", " T"))


def size_text(size_bytes: int) -> str:
    """`1048576` as `1.00 MiB`: three digits and a binary unit."""
    return _scaled(float(size_bytes), 1024.0, (" B", " KiB", " MiB", " GiB", " TiB"))


def amount_text(kind: CostKind, amount: float) -> str:
    """An amount of a cost, as it is written: `78,666`, `12.5 M` or `1.00 MiB`."""
    if kind.writing == "bytes":
        return size_text(round(amount))
    return count_text(round(amount)) if kind.writing == "in full" else quantity_text(amount)


def accuracy_text(accuracy: float) -> str:
    """A fraction in [0, 1] with the four digits that ten thousand test images resolve."""
    return f"{accuracy:.4f}"


def by_part(task: str) -> str:
    """What a task measures of each class, label or number."""
    return "accuracy by class" if task == agreement.NAME else task_of(task).by_part


def percent_text(accuracy: float) -> str:
    """`0.9933` as `99.3 %`; only what is all right is `100.0 %`."""
    rounded = round(accuracy * 100, 1)
    return f"{99.9 if rounded == 100 and accuracy < 1 else rounded:.1f} %"


def exact_percent_text(share: float) -> str:
    """`0.995` as `99.5 %`, with as many digits as a number that a user gave has."""
    return f"{share * 100:.10g} %"


def share_text(share: float) -> str:
    """`0.312` as `31 %`; below 1 % with a decimal, and what is not nothing is not `0 %`."""
    if 0 < share < 0.0005:
        return "under 0.1 %"
    if round(share, 3) < 0.01:
        return f"{share * 100:.1f} %" if share else "0 %"
    return f"{99 if share < 1 and share > 0.99 else share * 100:.0f} %"


def predict_line(model: str) -> str:
    """The command that asks a model what is on an image, for a shell to copy."""
    return f"prune-mi predict {shlex.quote(model)} IMAGE.png"


def clock_text(seconds: float) -> str:
    """`192.4` as `03:12`; minutes go on past 59, so that a log's column stays one format."""
    whole = max(0, int(seconds))
    return f"{whole // 60:02d}:{whole % 60:02d}"


def duration_text(seconds: float) -> str:
    """`5400` as `1h30m`: whole seconds, as `--budget` takes them."""
    whole = round(seconds)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def time_text(elapsed_s: float, budget_s: float | None) -> str:
    """`12:31 of 25:00 (minutes:seconds)`, or without the budget where there is none."""
    budget = "" if budget_s is None else f" of {clock_text(budget_s)}"
    return f"{clock_text(elapsed_s)}{budget} (minutes:seconds)"


def generation_text(index: int, total: int | None) -> str:
    """`generation 2/5`, or `generation 2` where the time decides how many there are."""
    return f"generation {index}" if total is None else f"generation {index}/{total}"


def round_text(index: int, total: int | None) -> str:
    """The same for who knows little of the subject: `round 2 of 5`, or `round 2`."""
    return f"round {index}" if total is None else f"round {index} of {total}"


def relative_text(now: int, before: int) -> str:
    """The change from `before` to `now` in per cent, such as `-35.2 %`."""
    if now == before:
        return "0 %"
    if before == 0:
        return "n/a"
    return f"{(now - before) / before * 100:+.1f} %"


def difference_text(now: float, before: float) -> str:
    """The change from accuracy `before` to accuracy `now`, such as `-0.0123`."""
    return change_text(now - before)


def change_text(change: float) -> str:
    """A change of an accuracy, such as `-0.0123`; none is `0.0000`."""
    rounded = round(change, 4)
    return f"{rounded:+.4f}" if rounded else "0.0000"


def printable(text: str) -> str:
    """One printable line: a layer's name comes from a file and may hold terminal escapes."""
    line = " ".join(text.split())
    return "".join(char if char.isprintable() else "?" for char in line)


def morph_text(morph: MorphRecord) -> str:
    """A morphism in a few characters: `-branch add_4`, `+dropout relu_3`."""
    kind, target = printable(morph.kind), printable(morph.target)
    if morph.is_removal:
        return f"-{target}"
    if morph.is_insertion:
        return f"+{kind.removeprefix('insert').lstrip('-')} {target}"
    return f"{kind} {target}"


def morphs_text(morphs: Sequence[MorphRecord]) -> str:
    """All morphisms of a child: `-add_2/branch narrow 4 groups`."""
    others = [each for each in morphs if each.effect != "narrows"]
    narrowed = len(morphs) - len(others)
    if narrowed < 2:
        return " ".join(map(morph_text, morphs))
    return " ".join([*map(morph_text, others), f"narrow {narrowed} groups"])


def _scaled(value: float, base: float, units: tuple[str, ...]) -> str:
    index = 0
    # Compared as it will be rounded, so that 999,600 is `1.00 M` and not `1000 k`.
    while round(value) >= base and index < len(units) - 1:
        value /= base
        index += 1
    if index == 0:
        return f"{value:.0f}{units[0]}"
    decimals = 2 if round(value, 2) < 10 else 1 if round(value, 1) < 100 else 0
    return f"{value:.{decimals}f}{units[index]}"
