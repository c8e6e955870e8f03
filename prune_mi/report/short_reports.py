"""What `prune-mi average`, `convert`, `predict` and `recalibrate` print when they are done."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from prune_mi.records import (
    Average,
    Averaged,
    Conversion,
    ImagePrediction,
    ImageValues,
    Predictions,
    Recalibration,
)
from prune_mi.report.tables import figures_table, pairs_table, print_apart, print_notes
from prune_mi.report.wording import accuracy_text, count_text, printable, quantity_text, size_text
from prune_mi.tasks.catalog import task_of

_HEADINGS = ("image", "class", "probability", "next best")
_GAP = "  "


def print_average(done: Average, console: Console) -> None:
    """Prints how accurate the members are and their average, and what each costs."""
    table = figures_table("model", "test accuracy", "params", "MACs")
    for each in done.members:
        table.add_row(*_cells(each))
    table.add_section()
    table.add_row(*_cells(done.ensemble), style="bold")
    console.print(table)
    console.print(Text(f"Accuracy on {done.num_images:,} test images."))
    print_notes(done.notes, console)


def _cells(each: Averaged) -> tuple[Text, str, str, str]:
    return (
        Text(printable(each.name)),
        accuracy_text(each.test_metric),
        count_text(each.num_params),
        quantity_text(each.macs),
    )


def print_conversion(done: Conversion, console: Console) -> None:
    """Prints what was written, how large it is, and how far its outputs are from the old ones."""
    pairs = [
        ("from", f"{done.old} (Keras {done.written_by})"),
        ("to", f"{done.new} ({size_text(done.size_bytes)})"),
        ("layers", count_text(done.num_layers)),
        ("params", count_text(done.num_params)),
        ("compiled", "yes, with a new optimizer" if done.compiled else "no"),
        ("outputs", _agreement(done.difference)),
    ]
    console.print(pairs_table(pairs), highlight=False)
    print_apart(console, *(Text(printable(note)) for note in done.notes))


def _agreement(difference: float | None) -> str:
    if difference is None:
        return "equal when loaded back; not compared with Keras 2"
    if difference == 0:
        return "equal to those of Keras 2 on random inputs"
    return f"differ from those of Keras 2 by {difference:.1g} (relative) on random inputs"


def print_recalibration(found: Recalibration, console: Console) -> None:
    """Prints every candidate with its accuracies, the chosen one marked."""
    table = figures_table("batch-norm statistics", "validation", "gain", "unseen test", "full test")
    for each in found.candidates:
        statistics = each.statistics
        gain = ""
        if statistics.num_images:
            gain = f"{statistics.gain:+.4f} ± {statistics.standard_error:.4f}"
        table.add_row(
            printable(statistics.name),
            accuracy_text(statistics.val_metric),
            gain,
            accuracy_text(each.test_metric),
            accuracy_text(each.full_test_metric),
            style="bold" if statistics.name == found.chosen else "",
        )
    print_apart(console, _recalibrated(found), table)
    print_notes(found.notes, console)
    console.print()
    pairs = [
        ("model", found.model),
        ("data", found.data),
        ("validation", found.validation),
        ("written", found.file or "nothing"),
    ]
    console.print(pairs_table(pairs), highlight=False)


def _recalibrated(found: Recalibration) -> Text:
    if found.file is None:
        return Text.assemble(
            ("Nothing better: ", "bold yellow"),
            "no other statistics were better by more than a standard error on the validation "
            "images. No file was written.",
        )
    return Text.assemble(
        ("More accurate: ", "bold green"),
        f"with batch-norm statistics of {printable(found.chosen)}. Nothing was trained.",
    )


def print_predictions(predictions: Predictions, console: Console) -> None:
    """Prints what is in each image that was read, then what the user should know.

    Names are never folded nor cut, so that they can be copied and searched for: what is no terminal
    gets a line an image, however long; a terminal that is too narrow for that, one for the image's
    name and one for what is in it.
    """
    rows = [
        _predicted_cells(each) for each in predictions.images if isinstance(each, ImagePrediction)
    ]
    for valued in (each for each in predictions.images if isinstance(each, ImageValues)):
        console.print(
            _values_line(valued, predictions.task), soft_wrap=True, highlight=False, markup=False
        )
    if rows:
        _print_rows(rows, console)
    print_apart(console, *(Text(printable(note)) for note in predictions.notes))


def _values_line(each: ImageValues, task: str) -> str:
    """An image, and what is said of it: the labels that are yes, the numbers, the classes."""
    values, image = each.values, printable(each.image)
    loss = task_of(task).loss
    if loss == "numbers":
        told = "  ".join(f"{printable(name)} {value:.4g}" for name, value in values.items())
        return f"{image}{_GAP}{told}"
    shown = sorted(values.items(), key=lambda pair: -pair[1])
    if loss == "flags":
        shown = [pair for pair in shown if pair[1] > 0.5]
    told = ", ".join(f"{printable(name)} {value:.1%}" for name, value in shown) or "none"
    return f"{image}{_GAP}{told}" + (f"{_GAP}{printable(each.mask)}" if each.mask else "")


def _print_rows(rows: Sequence[tuple[str, str, str, str]], console: Console) -> None:
    widths = [max(map(cell_len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    fits = sum(widths) + len(_GAP) * (len(widths) - 1) <= console.width
    if fits or not console.is_terminal:
        lines = [_line(_HEADINGS, widths, "bold"), *(_line(row, widths, "") for row in rows)]
    else:
        lines = [line for row in rows for line in _two_lines(row)]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _predicted_cells(each: ImagePrediction) -> tuple[str, str, str, str]:
    return (
        printable(each.image),
        printable(each.class_name),
        f"{each.probability:.1%}",
        f"{printable(each.next_class)} {each.next_probability:.1%}",
    )


def _line(cells: Sequence[str], widths: Sequence[int], style: str) -> Text:
    """Cells below each other's, the probability to the right; `widths` are in columns."""
    spaces = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
    image, kind, probability, other = cells
    return Text.assemble(
        f"{image}{spaces[0]}{_GAP}",
        (kind, "bold"),
        f"{spaces[1]}{_GAP}{spaces[2]}{probability}{_GAP}{other}",
        style=style,
    )


def _two_lines(cells: Sequence[str]) -> tuple[Text, Text]:
    image, kind, probability, other = cells
    found = Text.assemble(_GAP, (kind, "bold"), f" {probability}, next best {other}")
    return Text(image), found
