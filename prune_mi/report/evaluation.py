"""What `prune-mi evaluate` shows: models side by side, each against the first."""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.records import Comparison, EvaluatedModel, Evaluation
from prune_mi.report.tables import figures_table, print_apart, print_notes
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

_T = TypeVar("_T")
_MOST_CLASSES = 12


def print_evaluation(found: Evaluation, console: Console) -> None:
    """Prints the figures of each model, what changed against the first, and the classes."""
    print_apart(console, _names(found), _figures(found))
    if len(found.models) > 1:
        print_apart(console, _changes(found))
    print_apart(console, _classes(found))
    print_notes(found.notes, console)
    told = (
        f"{metric_text(found.metric)} on {count_text(found.num_images)} test images of "
        f"{printable(found.data)}; intervals are at 95 % confidence."
    )
    print_apart(console, Text(told))


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
    first = found.models[0]
    rows: dict[str, Callable[[EvaluatedModel], str]] = {
        metric_text(found.metric).lower(): lambda each: accuracy_text(each.quality),
        "  95 % interval": lambda each: f"{each.low:.3f} to {each.high:.3f}",
        "params": lambda each: _with_change(count_text, each.num_params, first.num_params),
        "MACs": lambda each: _with_change(quantity_text, each.macs, first.macs),
        "layers": lambda each: count_text(each.num_layers),
        "size of the file": lambda each: size_text(each.size_bytes),
        "size as .keras": lambda each: _with_change(size_text, each.saved_bytes, first.saved_bytes),
    }
    return _rows(figures_table("", *_letters(found)), rows, found.models)


def _with_change(write: Callable[[int], str], value: int, before: int) -> str:
    return write(value) if value == before else f"{write(value)} ({relative_text(value, before)})"


def _changes(found: Evaluation) -> Table:
    compared = [each.against_first for each in found.models if each.against_first is not None]
    table = figures_table("against A", *_letters(found)[1:])
    rows: dict[str, Callable[[Comparison], str]] = {
        "change": lambda each: change_text(each.change),
        "  95 % interval": lambda each: f"{change_text(each.low)} to {change_text(each.high)}",
        "answers changed": lambda each: (
            f"{count_text(each.changed)} ({percent_text(each.changed / found.num_images)})"
        ),
        "  from right to wrong": lambda each: count_text(each.right_to_wrong),
        "  from wrong to right": lambda each: count_text(each.wrong_to_right),
    }
    return _rows(table, rows, compared)


def _rows(table: Table, rows: Mapping[str, Callable[[_T], str]], columns: Sequence[_T]) -> Table:
    """A table with a row for each label, and in it a cell for each of `columns`."""
    for label, cell in rows.items():
        table.add_row(label, *map(cell, columns))
    return table


def _classes(found: Evaluation) -> Table:
    """Accuracy of each class; of many those in which a model is worst, or lost most."""
    first = found.models[0]
    places = sorted(range(len(first.classes)), key=lambda place: _worst(found.models, place))
    shown = sorted(places[:_MOST_CLASSES])
    table = figures_table("accuracy by class", "images", *_letters(found))
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
