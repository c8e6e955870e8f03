"""What a run has come to that has not ended."""

import shlex

from rich.console import Console
from rich.text import Text

from prune_mi.errors import counted
from prune_mi.records import RunReport, SearchReport, UnfinishedReport
from prune_mi.report.frontier import print_frontier
from prune_mi.report.search_summary import print_search_summary
from prune_mi.report.summary import print_summary
from prune_mi.report.tables import pairs_table, print_notes
from prune_mi.report.wording import (
    accuracy_text,
    clock_text,
    count_text,
    quantity_text,
    relative_text,
)


def print_report(report: RunReport | SearchReport | UnfinishedReport, console: Console) -> None:
    """Prints what a run has come to, whether it has ended or not."""
    if isinstance(report, RunReport):
        print_summary(report, console)
    elif isinstance(report, SearchReport):
        print_search_summary(report, console, details=True)
    else:
        _print_unfinished(report, console)


def _print_unfinished(report: UnfinishedReport, console: Console) -> None:
    console.print()
    console.print(
        Text.assemble(
            ("Not ended: ", "bold yellow"),
            "it had ended before and goes on since"
            if report.ended_before
            else "test images were not looked at yet",
            "; figures are of validation images.",
        ),
        highlight=False,
    )
    console.print()
    console.print(pairs_table(_rows(report)), highlight=False)
    if report.reference is not None:
        original = report.reference.amounts
        print_frontier(
            report.frontier,
            report.folder,
            console,
            original=original,
            words=report.metric_words,
            ended=False,
        )
    print_notes(report.notes, console)
    console.print()


def _rows(report: UnfinishedReport) -> list[tuple[str, str]]:
    cost, quality = report.reference, report.reference_metric
    rows = [("model", report.model or "none: a search from scratch"), ("data", report.data)]
    if cost is not None and quality is not None:
        figures = f"{count_text(cost.num_params)} params, {quantity_text(cost.macs)} MACs"
        rows.append(("start", f"{report.metric_words} {accuracy_text(quality)}, {figures}"))
    best = report.best
    if best is not None and report.best_metric is not None and cost is not None:
        smaller = (
            f"{relative_text(best.num_params, cost.num_params)} params, "
            f"{relative_text(best.macs, cost.macs)} MACs"
        )
        reached = f"{report.metric_words} {accuracy_text(report.best_metric)}"
        told = f"{best.name}, {reached}, {smaller}"
        rows.append(("best so far", told))
    tried = sum(len(each.children) for each in report.generations)
    searched = f"{counted(len(report.generations), 'generation')}, {tried} children"
    if report.under_way and not report.stop_reason:
        searched += f"; {len(report.under_way)} in the one under way"
    rows.append(("searched", searched))
    if report.stop_reason:
        rows.append(("stopped", report.stop_reason))
    rows.append(("time", f"{clock_text(report.elapsed_s)} (minutes:seconds)"))
    line = f"prune-mi {report.command} --resume {shlex.quote(report.folder)}"
    return [*rows, ("go on", line)]
