"""What reports print alike: tables, pairs of a label and a text, notes and gates."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, OverflowMethod, RenderableType
from rich.table import Table
from rich.text import Text

from prune_mi.records import Decision, GateResult
from prune_mi.report.wording import printable

_STYLES: dict[Decision, str] = {"passed": "green", "failed": "bold red", "undecided": "bold yellow"}


def figures_table(*headings: str, title: str | None = None, whole: bool = False) -> Table:
    """An empty table whose first column holds names and the others numbers.

    Args:
        headings: Of all columns.
        title: Of the table.
        whole: Whether numbers stay on one line however narrow the console is.
    """
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
    )
    table.add_column(headings[0], overflow="fold")
    overflow: OverflowMethod = "ellipsis" if whole else "fold"
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=whole, overflow=overflow)
    return table


def open_table(
    title: str | None = None, names: Sequence[str] = (), numbers: Sequence[str] = ()
) -> Table:
    """An empty table without lines, with columns of names and of numbers."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in names:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def pairs_table(pairs: Sequence[tuple[str, str]]) -> Table:
    """Labels and texts, one below the other; texts wrap."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text in pairs:
        table.add_row(label, Text(printable(text)))
    return table


def print_notes(notes: Sequence[str], console: Console) -> None:
    """Prints what a run decided on its own, where there is anything."""
    if notes:
        console.print()
        console.print(Text("Notes", style="bold"))
        console.print(pairs_table([("-", note) for note in notes]), highlight=False)


def print_apart(console: Console, *parts: RenderableType) -> None:
    """Prints each of some texts and tables below an empty line."""
    for part in parts:
        console.print()
        console.print(part)


def print_gates(gates: Sequence[GateResult], console: Console, *, prefix: str = "--") -> None:
    """Prints each gate with what was measured; `prefix` stands before its name in an option."""
    for gate in gates:
        told = f" {prefix}{gate.name}: {printable(gate.text)}"
        console.print(
            Text.assemble((f"{gate.decision:9}", _STYLES[gate.decision]), told), highlight=False
        )
