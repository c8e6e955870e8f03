"""What `prune-mi predict` shows: a line an image, or JSON."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from prune_mi.records import ImagePrediction, Predictions
from prune_mi.report.tables import print_apart
from prune_mi.report.wording import printable

_HEADINGS = ("image", "class", "probability", "next best")
_GAP = "  "


def print_predictions(predictions: Predictions, console: Console) -> None:
    """Prints what is in each image that was read, then what the user should know.

    Names are never folded nor cut, so that they can be copied and searched for: what is no terminal
    gets a line an image, however long; a terminal that is too narrow for that, one for the image's
    name and one for what is in it.
    """
    rows = [_cells(each) for each in predictions.images]
    widths = [max(map(cell_len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    fits = sum(widths) + len(_GAP) * (len(widths) - 1) <= console.width
    if fits or not console.is_terminal:
        lines = [_line(_HEADINGS, widths, "bold"), *(_line(row, widths, "") for row in rows)]
    else:
        lines = [line for row in rows for line in _two_lines(row)]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
    print_apart(console, *(Text(printable(note)) for note in predictions.notes))


def _cells(each: ImagePrediction) -> tuple[str, str, str, str]:
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
