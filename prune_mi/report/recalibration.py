"""What `prune-mi recalibrate` shows: the statistics compared, and which validation chose."""

from rich.console import Console
from rich.text import Text

from prune_mi.records import Recalibration
from prune_mi.report.tables import figures_table, pairs_table, print_apart, print_notes
from prune_mi.report.wording import accuracy_text, printable


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
            accuracy_text(statistics.val_accuracy),
            gain,
            accuracy_text(each.test_accuracy),
            accuracy_text(each.full_test_accuracy),
            style="bold" if statistics.name == found.chosen else "",
        )
    print_apart(console, _verdict(found), table)
    print_notes(found.notes, console)
    console.print()
    pairs = [
        ("model", found.model),
        ("data", found.data),
        ("validation", found.validation),
        ("written", found.file or "nothing"),
    ]
    console.print(pairs_table(pairs), highlight=False)


def _verdict(found: Recalibration) -> Text:
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
