"""What a search found, in plain words, and how to use it.

Who reads it may know little of deep learning: the terms of the field, and what was changed, are in
`search_details.py`.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from prune_mi.data.class_file import CLASS_FILE
from prune_mi.measure.bounds import accuracy_interval
from prune_mi.records import ModelFacts, SearchReport
from prune_mi.report.search_details import print_search_details
from prune_mi.report.summary import counted, pairs_table, print_notes
from prune_mi.report.wording import (
    clock_text,
    count_text,
    percent_text,
    predict_line,
    printable,
    size_text,
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
        print_search_details(report, console)
    console.print()
    console.print(_verdict(report), highlight=False)
    console.print()
    console.print(pairs_table(_findings(report)), highlight=False)
    print_notes(report.notes, console)
    console.print()
    for line in (*_files(report), "", *_use(report)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _verdict(report: SearchReport) -> Text:
    right = percent_text(report.result.test_accuracy)
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
    elapsed = clock_text(report.elapsed_s)
    if report.budget_s is not None:
        elapsed += f" of {clock_text(report.budget_s)}"
    rows = [*_accuracy(report), ("size", _size(report.result))]
    if report.start != "seed":
        rows.append(("before", f"{_figures(report.reference)}: {report.start}"))
    if report.ensemble is not None:
        averaged = counted(len(report.members), "network")
        rows.append(("average", f"{_figures(report.ensemble)}: {averaged}"))
    rows.append(("data", f"{report.data}, {len(report.classes)} classes"))
    rows.append(("time", f"{elapsed} (minutes:seconds)"))
    return rows


def _accuracy(report: SearchReport) -> list[tuple[str, str]]:
    right, number = report.result.test_accuracy, report.num_unseen
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
    return f"{percent_text(model.test_accuracy)} are right, {_size(model)}"


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
