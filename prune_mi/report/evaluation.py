"""What `prune-mi evaluate` shows: models side by side, each against the first."""

import string
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.records import EvaluatedModel, Evaluation
from prune_mi.report.summary import print_notes
from prune_mi.report.wording import (
    accuracy_text,
    change_text,
    count_text,
    percent_text,
    printable,
    quantity_text,
    relative_text,
    size_text,
)

_MOST_CLASSES = 12


def print_evaluation(found: Evaluation, console: Console) -> None:
    """Prints the figures of each model, what changed against the first, and the classes."""
    console.print()
    console.print(_names(found), highlight=False)
    console.print()
    console.print(_figures(found))
    if len(found.models) > 1:
        console.print()
        console.print(_changes(found))
    console.print()
    console.print(_classes(found))
    print_notes(found.notes, console)
    console.print()
    console.print(
        Text(
            f"{metric_text(found.metric)} on {count_text(found.num_images)} test images of "
            f"{printable(found.data)}; intervals are at 95 % confidence."
        )
    )


def metric_text(metric: str) -> str:
    """The metric, as a sentence begins with it."""
    return "Accuracy" if metric == "accuracy" else "Balanced accuracy"


def _letters(found: Evaluation) -> list[str]:
    """A short name for each model, for tables: A, B, C."""
    letters = string.ascii_uppercase
    return [
        letters[place] if place < len(letters) else f"{letters[place % 26]}{place // 26}"
        for place in range(len(found.models))
    ]


def _names(found: Evaluation) -> Text:
    lines = [
        f"{letter}  {printable(model.path)}"
        for letter, model in zip(_letters(found), found.models, strict=True)
    ]
    return Text("\n".join(lines))


def _figures(found: Evaluation) -> Table:
    table = _table("", *_letters(found))
    models = found.models

    def row(label: str, cells: Sequence[str]) -> None:
        table.add_row(label, *cells)

    first = models[0]
    row(metric_text(found.metric).lower(), [accuracy_text(each.quality) for each in models])
    row("  95 % interval", [f"{each.low:.3f} to {each.high:.3f}" for each in models])
    row("params", [_with_change(count_text, each.num_params, first.num_params) for each in models])
    row("MACs", [_with_change(quantity_text, each.macs, first.macs) for each in models])
    row("layers", [count_text(each.num_layers) for each in models])
    row("size of the file", [size_text(each.size_bytes) for each in models])
    sizes = [_with_change(size_text, each.saved_bytes, first.saved_bytes) for each in models]
    row("size as .keras", sizes)
    return table


def _with_change(write: Any, value: int, before: int) -> str:
    return write(value) if value == before else f"{write(value)} ({relative_text(value, before)})"


def _changes(found: Evaluation) -> Table:
    others = found.models[1:]
    letters = _letters(found)
    table = _table("against A", *letters[1:])
    pairs = [(each, each.against_first) for each in others]
    rows = {
        "change": [change_text(c.change) for _, c in pairs if c],
        "  95 % interval": [
            f"{change_text(c.low)} to {change_text(c.high)}" for _, c in pairs if c
        ],
        "answers changed": [
            f"{count_text(c.changed)} ({percent_text(c.changed / found.num_images)})"
            for _, c in pairs
            if c
        ],
        "  from right to wrong": [count_text(c.right_to_wrong) for _, c in pairs if c],
        "  from wrong to right": [count_text(c.wrong_to_right) for _, c in pairs if c],
    }
    for label, cells in rows.items():
        table.add_row(label, *cells)
    return table


def _classes(found: Evaluation) -> Table:
    """Accuracy of each class; of many those in which a model is worst, or lost most."""
    first = found.models[0]
    places = sorted(range(len(first.classes)), key=lambda place: _worst(found.models, place))
    shown = sorted(places[:_MOST_CLASSES])
    table = _table("accuracy by class", "images", *_letters(found))
    for place in shown:
        own = [each.classes[place] for each in found.models]
        table.add_row(
            printable(own[0].name),
            count_text(own[0].num_images),
            *(accuracy_text(each.accuracy) for each in own),
        )
    if len(first.classes) > len(shown):
        table.caption = f"the {len(shown)} of {len(first.classes)} classes that are worst"
        table.caption_justify = "left"
    return table


def _worst(models: Sequence[EvaluatedModel], place: int) -> float:
    before, *after = (each.classes[place].accuracy for each in models)
    return min((each - before for each in after), default=before)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right", overflow="fold")
    return table
