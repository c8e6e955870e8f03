"""What `prune-mi pick` prints when it is done."""

from rich.console import Console
from rich.text import Text

from prune_mi.records.picked import Picked
from prune_mi.report.summary import models_table, print_changes
from prune_mi.report.tables import print_apart
from prune_mi.report.wording import printable, quantity_text


def print_picked(done: Picked, console: Console) -> None:
    """Prints a picked model beside the original and the run's control, and what it changes."""
    models = [("reference", done.reference)]
    if done.control is not None:
        models.append(("control", done.control))
    models.append((done.name, done.model))
    print_apart(console, models_table(models, metric=done.metric, words=done.metric_words))
    told = f"{done.name} was trained on {quantity_text(done.images_trained)} images"
    if done.control is not None:
        told += f", the control on {quantity_text(done.control_images)}"
    print_apart(console, Text(f"{printable(told)}. Written: {printable(done.file)}"))
    console.print()
    print_changes(done.removals, console)
