"""The frontier of a run as a table: what smaller and what better models it has."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.costs.catalog import cost_kind
from prune_mi.records import FrontierPoint
from prune_mi.report.tables import figures_table
from prune_mi.report.wording import accuracy_text, amount_text, printable, relative_text

_MOST = 10
_SHOWN_COSTS = ("macs", "params")


def print_frontier(
    points: Sequence[FrontierPoint],
    folder: str,
    console: Console,
    *,
    original: Mapping[str, int],
    words: str = "metric",
    ended: bool = True,
) -> None:
    """Prints the frontier, and how another point of it is had; nothing where there is no other.

    Args:
        points: The best metric first.
        folder: The run folder.
        console: Where to.
        original: What the original costs, which changes are told against.
        words: What is kept.
        ended: Whether the run has ended, so that points can be picked.
    """
    others = [each for each in points if each.has_weights and not each.is_result]
    if not others:
        return
    console.print()
    console.print(_table(points, original, words))
    if not ended:
        return
    console.print(
        Text(
            f"Write another one out: prune-mi pick {printable(folder)} --name {others[0].name}",
            style="dim",
        )
    )


def _table(points: Sequence[FrontierPoint], original: Mapping[str, int], words: str) -> Table:
    kinds = [cost_kind(name) for name in _SHOWN_COSTS]
    shown = _spread(points)
    title = "Models found: none of them is both cheaper and better than another"
    if len(shown) < len(points):
        title += f" ({len(shown)} of {len(points)})"
    headings = [heading for kind in kinds for heading in (kind.label, "change")]
    measured = any(each.model is not None and not each.is_result for each in points[1:])
    last = [f"test {words}"] if measured else []
    table = figures_table("", *headings, "validation", *last, title=title, whole=True)
    for each in shown:
        cells = []
        for kind in kinds:
            amount = each.costs[kind.name]
            cells += [amount_text(kind, amount), relative_text(amount, original[kind.name])]
        name = f"{printable(each.name)} (result)" if each.is_result else printable(each.name)
        test = "" if each.model is None else accuracy_text(each.model.test_metric)
        table.add_row(
            name,
            *cells,
            accuracy_text(each.val_metric),
            *([test] if measured else []),
            style="bold" if each.is_result else "",
        )
    return table


def _spread(points: Sequence[FrontierPoint]) -> list[FrontierPoint]:
    """At most so many of them, evenly spread, the result among them."""
    if len(points) <= _MOST:
        return list(points)
    places = {round(place * (len(points) - 1) / (_MOST - 1)) for place in range(_MOST)}
    return [each for place, each in enumerate(points) if place in places or each.is_result]
