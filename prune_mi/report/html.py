"""Results and progress as plain HTML, for notebooks: tables with headings, no script, no colours.

Whatever stands in a report may come from a model's file, so all of it is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape

from rich.table import Table
from rich.text import Text

from prune_mi.errors import counted
from prune_mi.records import GateResult, MorphRecord, RunReport
from prune_mi.report.summary import against_control, closing, figures, recalibrated_text, verdict
from prune_mi.report.wording import printable

_NUMBER = ' style="text-align: right"'
_NAME = ' scope="row" style="text-align: left; font-weight: normal"'


def report_html(report: RunReport) -> str:
    """What a run found, as `print_summary` prints it.

    Returns:
        One `<section>`: the verdict, the figures, the control, changes, notes, and the run.
    """
    said: list[str | None] = [verdict(report).plain]
    after = [
        None if report.control is None else against_control(report, report.control).plain,
        recalibrated_text(report),
    ]
    parts = [
        *_paragraphs(said, strong=True),
        table_html(figures(report), caption="The models"),
        *_paragraphs(after),
        _changes(report.removals),
        _gates(report.gates),
        folded(f"Notes ({len(report.notes)})", list_html(report.notes)) if report.notes else "",
        folded("The run", pairs_html(closing(report))),
    ]
    inside = "\n".join(part for part in parts if part)
    return f'<section class="prune-mi" aria-label="Result of prune-mi">\n{inside}\n</section>'


def table_html(table: Table, *, caption: str) -> str:
    """A table of rich as one of HTML; its first column holds the names of rows."""
    names = [_plain(column.header) for column in table.columns]
    head = "".join(
        f'<th scope="col"{_NUMBER if place else ""}>{text_html(name)}</th>'
        for place, name in enumerate(names)
    )
    rows = []
    for name, *cells in zip(*(column.cells for column in table.columns), strict=True):
        values = "".join(f"<td{_NUMBER}>{text_html(_plain(cell))}</td>" for cell in cells)
        rows.append(f"<tr><th{_NAME}>{text_html(_plain(name))}</th>{values}</tr>")
    return (
        f"<table><caption>{text_html(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def pairs_html(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels and texts as a table of two columns."""
    rows = (
        f'<tr><th{_NAME}>{text_html(label)}</th><td style="text-align: left">{text_html(text)}</td>'
        "</tr>"
        for label, text in pairs
    )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def list_html(texts: Sequence[str]) -> str:
    """Texts as a list."""
    return f"<ul>{''.join(f'<li>{text_html(each)}</li>' for each in texts)}</ul>"


def folded(title: str, inside: str, *, is_open: bool = False) -> str:
    """Something that is shown when its title is clicked."""
    state = " open" if is_open else ""
    return f"<details{state}><summary>{text_html(title)}</summary>{inside}</details>"


def text_html(text: str) -> str:
    """One line of text, escaped."""
    return escape(printable(text))


def _paragraphs(texts: Iterable[str | None], *, strong: bool = False) -> list[str]:
    told = [text_html(each) for each in texts if each]
    return [f"<p><strong>{each}</strong></p>" if strong else f"<p>{each}</p>" for each in told]


def _changes(morphs: Sequence[MorphRecord]) -> str:
    """Every change with its layers and its reason, in order."""
    if not morphs:
        return ""
    table = Table("change", "layers", "reason")
    for morph in morphs:
        table.add_row(
            f"{morph.kind} {morph.target}", ", ".join(morph.layers) or "none", morph.reason
        )
    told = table_html(table, caption="In the order in which they were made").replace(
        _NUMBER, ' style="text-align: left"'
    )
    return folded(f"What changed ({counted(len(morphs), 'change')})", told, is_open=True)


def _gates(gates: Sequence[GateResult]) -> str:
    told = [f"{each.decision}: {each.name}: {each.text}" for each in gates]
    return folded("Gates", list_html(told), is_open=True) if told else ""


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
