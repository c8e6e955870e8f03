"""What `prune-mi convert` prints when it is done."""

from rich.console import Console
from rich.text import Text

from prune_mi.records import Conversion
from prune_mi.report.tables import pairs_table, print_apart
from prune_mi.report.wording import count_text, printable, size_text


def print_conversion(done: Conversion, console: Console) -> None:
    """Prints what was written, how large it is, and how far its outputs are from the old ones.

    Args:
        done: The conversion.
        console: Where to print; its width decides where lines wrap.
    """
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
