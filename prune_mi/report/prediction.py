"""What `prune-mi predict` shows: a table, or JSON."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.records import Predictions
from prune_mi.report.wording import printable


def print_predictions(predictions: Predictions, console: Console) -> None:
    """Prints a line for each image that was read, then what the user should know."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("image", "class"):
        table.add_column(heading, overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    table.add_column("next best", overflow="fold")
    for each in predictions.images:
        table.add_row(
            Text(printable(each.image)),
            Text(printable(each.class_name), style="bold"),
            f"{each.probability:.1%}",
            Text(f"{printable(each.next_class)} {each.next_probability:.1%}"),
        )
    console.print(table)
    for note in predictions.notes:
        console.print()
        console.print(Text(printable(note)))


def predictions_to_dict(predictions: Predictions) -> dict[str, Any]:
    """Plain JSON values under the names of the record's fields."""
    return dataclasses.asdict(predictions)
