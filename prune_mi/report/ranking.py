"""What `prune-mi rank` shows: a table, JSON, a plot."""

import dataclasses
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.errors import ConfigError, RunError
from prune_mi.records import Ranking, RankingRow
from prune_mi.report.wording import count_text, printable, quantity_text

_FORMATS = (".svg", ".png")


def print_ranking(ranking: Ranking, console: Console) -> None:
    """Prints the units in graph order, and which go first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("unit", "kind"):
        table.add_column(heading, overflow="fold")
    gain = f"gain, {ranking.measure}"
    headings = ("bits", "interval", gain, "95 % interval", "rank", f"P({ranking.least} least)")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("params", "MACs", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in ranking.units:
        style = "green" if row.rank < ranking.least else ""
        table.add_row(
            Text(printable(row.name), style=style),
            row.kind,
            f"{row.information_bits:.2f}",
            f"{row.information_low:.2f} to {row.information_high:.2f}",
            f"{row.gain_bits:+.4f}",
            f"{row.gain_low:+.4f} to {row.gain_high:+.4f}",
            str(row.rank),
            f"{row.probability_least:.0%}",
            count_text(row.num_params),
            quantity_text(row.macs),
            f"{row.macs / max(ranking.total.macs, 1):.1%}",
        )
    console.print(table)
    first = ", ".join(row.name for row in by_rank(ranking)[: ranking.least])
    console.print(
        Text(
            f"{len(ranking.units)} units by {ranking.criterion} on {ranking.num_samples} training "
            f"images, {ranking.seconds:.0f} s. Missed least: {printable(first)}."
        )
    )


def by_rank(ranking: Ranking) -> list[RankingRow]:
    """The units, that of least gain first."""
    return sorted(ranking.units, key=lambda row: row.rank)


def ranking_to_dict(ranking: Ranking) -> dict[str, Any]:
    """Plain JSON values under the names of the record's fields."""
    return dataclasses.asdict(ranking)


def require_plottable(path: Path) -> None:
    """Refuses a plot's path before the work for it is done.

    Raises:
        ConfigError: If it ends neither in .svg nor in .png.
    """
    if path.suffix.lower() not in _FORMATS:
        raise ConfigError(f"--plot is {path}; expected a name that ends in .svg or .png")


def plot_ranking(ranking: Ranking, path: Path) -> None:
    """Draws the gains in graph order with their intervals.

    Raises:
        RunError: If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = ranking.units
    figure = Figure(figsize=(7, 1.2 + 0.22 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = range(len(rows))
    colours = ["tab:green" if row.rank < ranking.least else "tab:gray" for row in rows]
    gains = [row.gain_bits for row in rows]
    axes.barh(places, gains, color=colours, height=0.7)
    errors = [
        [max(row.gain_bits - row.gain_low, 0.0) for row in rows],
        [max(row.gain_high - row.gain_bits, 0.0) for row in rows],
    ]
    axes.errorbar(gains, places, xerr=errors, fmt="none", ecolor="black", elinewidth=0.8)
    axes.set_yticks(places, [printable(row.name) for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(
        f"gain, {ranking.measure} ({ranking.criterion}); green: the {ranking.least} missed least"
    )
    axes.set_title(Path(ranking.model).name, fontsize=9)
    axes.margins(y=0.01)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
