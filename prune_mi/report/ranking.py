"""What `prune-mi rank` shows: a table, JSON, a plot."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.errors import ConfigError, RunError
from prune_mi.records import Ranking, RankingRow
from prune_mi.report.files import require_writable
from prune_mi.report.tables import open_table
from prune_mi.report.wording import count_text, printable, quantity_text

_FORMATS = (".svg", ".png")
_WIDEST = 1000


_Cell = Callable[[RankingRow, Ranking], str]
# What goes first where the console is too narrow for all of it comes last.
_COLUMNS: tuple[tuple[str, _Cell], ...] = (
    ("rank", lambda row, _: str(row.rank)),
    ("{score}", lambda row, _: f"{row.score:+.4f}"),
    ("params", lambda row, _: count_text(row.num_params)),
    ("MACs", lambda row, _: quantity_text(row.macs)),
    ("P(lowest {least})", lambda row, _: f"{row.probability_least:.0%}"),
    ("95 % interval", lambda row, _: f"{row.score_low:+.4f} to {row.score_high:+.4f}"),
    ("kind", lambda row, _: row.kind),
    ("share", lambda row, ranking: f"{row.macs / max(ranking.total.macs, 1):.1%}"),
    ("information (bits)", lambda row, _: f"{row.information_bits:.2f}"),
    (
        "its 95 % interval",
        lambda row, _: f"{row.information_low:.2f} to {row.information_high:.2f}",
    ),
)


def print_ranking(ranking: Ranking, console: Console) -> None:
    """Prints the units in graph order, and the lowest scores; JSON has everything.

    Names are never cut: the narrower the console, the fewer columns there are.
    """
    columns = list(_COLUMNS)
    while (
        len(columns) > 1
        and _table(ranking, columns)
        .__rich_measure__(console, console.options.update(width=_WIDEST))
        .maximum
        > console.width
    ):
        columns.pop()
    console.print(_table(ranking, columns))
    ranked = sorted(ranking.units, key=lambda row: row.rank)
    first = ", ".join(row.name for row in ranked[: ranking.least])
    console.print(
        Text(
            f"{len(ranking.units)} units in network order, ranked by {ranking.criterion} on "
            f"{ranking.num_samples} training images in {ranking.seconds:.0f} s. Lowest scores: "
            f"{printable(first)}."
        )
    )
    if len(columns) < len(_COLUMNS):
        left = ", ".join(_heading(name, ranking) for name, _ in _COLUMNS[len(columns) :])
        console.print(Text(f"The terminal is too narrow for: {left}. --json prints everything."))


def _table(ranking: Ranking, columns: Sequence[tuple[str, _Cell]]) -> Table:
    table = open_table()
    table.add_column("unit", no_wrap=True)
    for name, _ in columns:
        table.add_column(_heading(name, ranking), justify="right", no_wrap=True)
    for row in ranking.units:
        style = "green" if row.rank < ranking.least else ""
        cells = [cell(row, ranking) for _, cell in columns]
        table.add_row(Text(printable(row.name), style=style), *cells)
    return table


def _heading(name: str, ranking: Ranking) -> str:
    return name.format(score=_score(ranking), least=ranking.least)


def _score(ranking: Ranking) -> str:
    """`score (bits)`: what the scores are called, and what they are measured in."""
    unit = {"bit": "bits", "score": ""}.get(ranking.measure, ranking.measure)
    return f"score ({unit})" if unit else "score"


def require_plottable(path: Path) -> None:
    """Refuses a plot's path before the work for it is done.

    Raises:
        ConfigError: If it ends neither in .svg nor in .png, or cannot be written.
    """
    if path.suffix.lower() not in _FORMATS:
        raise ConfigError(f"--plot is {path}; expected a name that ends in .svg or .png")
    require_writable(path)


def plot_ranking(ranking: Ranking, path: Path) -> None:
    """Draws the scores in graph order with their intervals.

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
    scores = [row.score for row in rows]
    axes.barh(places, scores, color=colours, height=0.7)
    errors = [
        [max(row.score - row.score_low, 0.0) for row in rows],
        [max(row.score_high - row.score, 0.0) for row in rows],
    ]
    axes.errorbar(scores, places, xerr=errors, fmt="none", ecolor="black", elinewidth=0.8)
    axes.set_yticks(places, [printable(row.name) for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(
        f"{_score(ranking)}, criterion {ranking.criterion}; green: the {ranking.least} lowest"
    )
    axes.set_title(Path(ranking.model).name, fontsize=9)
    axes.margins(y=0.01)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error
