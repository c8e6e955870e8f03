"""What `prune-mi average` prints when it is done."""

from rich.console import Console
from rich.text import Text

from prune_mi.records import Average, Averaged
from prune_mi.report.tables import figures_table, print_notes
from prune_mi.report.wording import accuracy_text, count_text, printable, quantity_text


def print_average(done: Average, console: Console) -> None:
    """Prints how accurate the members are and their average, and what each costs.

    Args:
        done: What was averaged.
        console: Where to print; its width decides where lines wrap.
    """
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
        accuracy_text(each.test_accuracy),
        count_text(each.num_params),
        quantity_text(each.macs),
    )
