"""What a search found, in plain words, and how to use it.

Who reads it may know little of deep learning: the terms of the field, and what was changed, are
among the details.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from prune_mi.data.class_file import CLASS_FILE
from prune_mi.errors import counted
from prune_mi.measure.bounds import accuracy_interval
from prune_mi.records import ModelFacts, SearchReport
from prune_mi.report.summary import models_table, print_changes
from prune_mi.report.tables import pairs_table, print_apart, print_notes
from prune_mi.report.wording import (
    count_text,
    percent_text,
    predict_line,
    printable,
    size_text,
    time_text,
)

_FILES = {
    "ensemble.keras": "the average of several networks",
    CLASS_FILE: "names of its classes; keep it beside the network",
}
_REPORT = ("report.json", "all that was tried and measured")


def print_search_summary(report: SearchReport, console: Console, *, details: bool = False) -> None:
    """Prints what a search found: how accurate and large it is, notes, files, the line to copy.

    Args:
        report: The search's report.
        console: Where to print; its width decides where sentences wrap. Files and the line to copy
            do not.
        details: Whether to print what was changed, and what the search cost, before it.
    """
    if details:
        _print_details(report, console)
    print_apart(console, _verdict(report), pairs_table(_findings(report)))
    print_notes(report.notes, console)
    console.print()
    for line in (*_files(report), "", *_use(report)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _verdict(report: SearchReport) -> Text:
    right = percent_text(report.result.test_metric)
    if not report.better and report.start != "seed":
        return Text.assemble(
            ("Nothing better ", "bold yellow"),
            "than the model that the search started from was found. The network that is written "
            f"out gets {right} of new {_kind(report)} right.",
        )
    found = f"a network that gets {right} of new {_kind(report)} right"
    first = "" if report.better else " It is the first one: no other was better."
    return Text.assemble(("Found ", "bold green"), f"{found}.{first}")


def _findings(report: SearchReport) -> list[tuple[str, str]]:
    rows = [*_accuracy(report), ("size", _size(report.result))]
    if report.start != "seed":
        rows.append(("before", f"{_figures(report.reference)}: {report.start}"))
    if report.ensemble is not None:
        averaged = counted(len(report.members), "network")
        rows.append(("average", f"{_figures(report.ensemble)}: {averaged}"))
    rows.append(("data", f"{report.data}, {len(report.classes)} classes"))
    rows.append(("time", time_text(report.elapsed_s, report.budget_s)))
    return rows


def _accuracy(report: SearchReport) -> list[tuple[str, str]]:
    right, number = report.result.test_metric, report.num_unseen
    told = f"{_kind(report)} that the search has not used"
    low, high = map(percent_text, accuracy_interval(right, number))
    return [
        ("accuracy", f"{percent_text(right)} of {count_text(number)} {told}"),
        ("expect", f"{low} to {high} of other {_kind(report)} like these (95 % confidence)"),
        ("guessing", f"{percent_text(report.commonest_share)}: always the most common class"),
    ]


def _kind(report: SearchReport) -> str:
    """What is classified: what has no class file may be vectors."""
    return "images" if CLASS_FILE in report.files else "samples"


def _figures(model: ModelFacts) -> str:
    return f"{percent_text(model.test_metric)} are right, {_size(model)}"


def _size(model: ModelFacts) -> str:
    number = count_text(model.num_params)
    return f"{size_text(model.size_bytes)}, {number} learned numbers (weights)"


def _files(report: SearchReport) -> list[str]:
    """A line a file, its path whole."""
    told = [(name, _FILES.get(name, "the network")) for name in report.files]
    paths = [printable(str(Path(report.folder) / name)) for name, _ in (*told, _REPORT)]
    width = max(map(cell_len, paths))
    lines = [
        f"  {path}{' ' * (width - cell_len(path))}  {what}"
        for path, (_, what) in zip(paths, (*told, _REPORT), strict=True)
    ]
    return ["Files:", *lines]


def _use(report: SearchReport) -> Sequence[str]:
    model = printable(str(Path(report.folder) / report.files[0]))
    if CLASS_FILE in report.files:
        return ("Ask it what is on an image:", f"  {predict_line(model)}")
    return ("Use it in Python:", f"  keras.models.load_model({model!r})")


def _print_details(report: SearchReport, console: Console) -> None:
    """Prints the start, the result and an ensemble side by side, every change, and the cost."""
    models = [(report.start if report.start == "seed" else "start", report.reference)]
    models.append(("result", report.result))
    if report.ensemble is not None:
        models.append((f"ensemble of {len(report.members)}", report.ensemble))
    # What a network is more than a seed tells nobody anything.
    change = report.ensemble is None and report.start != "seed"
    print_apart(console, models_table(models, change=change))
    console.print()
    print_changes(report.lineage, console)
    print_apart(console, pairs_table(_costs(report)))


def _costs(report: SearchReport) -> list[tuple[str, str]]:
    children = sum(
        bool(child.morphs) and child.parent == generation.parent and child.verdict != "failed"
        for generation in report.generations
        for child in generation.children
    )
    searched = (
        f"{counted(len(report.generations), 'generation')}, "
        f"{children} {'child' if children == 1 else 'children'} trained"
    )
    if report.trials:
        searched += f"; of {counted(report.trials, 'deletion')} tried {report.adoptions} adopted"
    rows = [
        ("start", report.start),
        ("layers", f"{report.layers} as DEIM 2019 counts them: no rescaling, flattening or joins"),
        ("validation", report.validation),
        ("method", f"{report.method}, seed {report.seed}"),
        ("searched", searched),
        ("stopped", report.stop_reason),
        (
            "trained",
            f"{count_text(report.images_trained)} images, {count_text(report.total_images)} with "
            f"all others; augmentation {report.augmentation}",
        ),
        ("training", f"{report.training_s:.0f} s, of {counted(report.workers, 'worker')}"),
    ]
    if report.members:
        rows.insert(5, ("ensemble", ", ".join(report.members)))
    return rows
