"""Gates, one a line: the verdict, the gate, and what was measured."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from prune_mi.records import Decision, GateResult
from prune_mi.report.wording import printable

_STYLES: dict[Decision, str] = {"passed": "green", "failed": "bold red", "undecided": "bold yellow"}


def print_gates(gates: Sequence[GateResult], console: Console, *, prefix: str = "--") -> None:
    """Prints each gate with what was measured; `prefix` stands before its name in an option."""
    for gate in gates:
        told = f" {prefix}{gate.name}: {printable(gate.text)}"
        console.print(
            Text.assemble((f"{gate.decision:9}", _STYLES[gate.decision]), told), highlight=False
        )
