"""The closing summary: reference, control and result side by side, then every change and why.

Everything wraps and nothing is cut off, from 80 columns upwards.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.costs.catalog import cost_kind
from prune_mi.errors import counted
from prune_mi.records import ClassFacts, LimitFacts, ModelFacts, MorphRecord, RunReport
from prune_mi.report.frontier import print_frontier
from prune_mi.report.tables import figures_table, pairs_table, print_apart, print_gates, print_notes
from prune_mi.report.wording import (
    accuracy_text,
    amount_text,
    by_part,
    count_text,
    difference_text,
    printable,
    quantity_text,
    relative_text,
    size_text,
    time_text,
)

_Row = tuple[str, Callable[[ModelFacts], Any], Callable[[Any], str], Callable[[Any, Any], str]]

_FULL_TEST = "full test {metric}"
_MOST_CLASSES = 12
_ALIKE = 0.005  # of two metrics, of which one is then shown
_SELDOM = ("top-5",)  # said in report.json alone


def _more_text(now: int, before: int) -> str:
    return f"{now - before:+,}".replace("+0", "0")


# Each row: its label, a model's figure, that in words, and its change in words.
_ROWS: tuple[_Row, ...] = (
    ("params", lambda model: model.num_params, count_text, relative_text),
    ("MACs", lambda model: model.macs, quantity_text, relative_text),
    ("layers", lambda model: model.num_layers, count_text, _more_text),
    ("size", lambda model: model.size_bytes, size_text, relative_text),
    ("validation {metric}", lambda model: model.val_metric, accuracy_text, difference_text),
    (
        "test {metric} (unseen by selection)",
        lambda model: model.test_metric,
        accuracy_text,
        difference_text,
    ),
    (_FULL_TEST, lambda model: model.full_test_metric, accuracy_text, difference_text),
)


def print_summary(report: RunReport, console: Console) -> None:
    """Prints what a run found: the figures, every change and its reason, notes and files."""
    print_apart(console, verdict(report), figures(report))
    if report.control is not None:
        print_apart(console, against_control(report, report.control))
    recalibrated = recalibrated_text(report)
    if recalibrated is not None:
        print_apart(console, Text(printable(recalibrated)))
    if report.smaller and report.classes:
        print_apart(console, _classes_table(report.classes, report.task))
    console.print()
    print_changes(report.removals, console)
    original = {"macs": report.reference.macs, "params": report.reference.num_params}
    print_frontier(
        report.frontier, report.folder, console, original=original, words=report.metric_words
    )
    print_notes(report.notes, console)
    if report.gates:
        console.print()
        print_gates(report.gates, console, prefix="--gate ")
    console.print()
    console.print(pairs_table(closing(report)), highlight=False)


def print_closing(report: RunReport, console: Console) -> None:
    """Prints what a run has come to in a few lines: verdict, figures, and where the files lie."""
    print_apart(console, verdict(report), figures(report))
    console.print()
    written = [pair for pair in closing(report) if pair[0] == "written"]
    console.print(pairs_table(written), highlight=False)


def print_changes(morphs: Sequence[MorphRecord], console: Console) -> None:
    """Prints every change and its reason, in order."""
    console.print(_changes(morphs), highlight=False)
    for index, morph in enumerate(morphs, start=1):
        console.print(_change(index, morph), highlight=False)


def verdict(report: RunReport) -> Text:
    """What a run has come to, in a sentence."""
    old, new = report.reference, report.result
    if report.smaller:
        return Text.assemble(
            ("Smaller: ", "bold green"),
            f"{relative_text(new.macs, old.macs)} MACs, "
            f"{relative_text(new.num_params, old.num_params)} params, test {report.metric_words} "
            f"{_changed(new.test_metric, old.test_metric)}.",
        )
    if report.removals:
        return Text.assemble(
            ("Not smaller: ", "bold yellow"),
            "the result has the changes listed below, but does not cost less.",
        )
    if report.can_go_share is not None and not report.generations:
        return Text.assemble(
            ("Nothing was searched: ", "bold yellow"),
            f"{printable(report.can_go)} The original is written out unchanged. To search anyway, "
            "pass --continue-anyway.",
        )
    if report.targets:
        near = f" The nearest misses {'; '.join(report.missed)}." if report.missed else ""
        return Text.assemble(
            ("Target not met: ", "bold yellow"),
            f"no model kept all limits. best.keras is the original, unchanged.{near}",
            " It is written as closest.keras." if report.closest is not None else "",
        )
    return Text.assemble(
        ("Nothing smaller ", "bold yellow"),
        f"stayed within the allowed drop of {accuracy_text(report.max_accuracy_drop or 0.0)} in "
        f"validation {report.metric_words}: the original is written out unchanged.",
    )


def figures(report: RunReport) -> Table:
    """Reference, control and result side by side."""
    models = [("reference", report.reference)]
    if report.control is not None:
        models.append(("control", report.control))
    aims = [report.objective] if report.objective in report.result.other_costs else []
    return models_table(
        [*models, ("result", report.result)],
        metric=report.metric,
        words=report.metric_words,
        also=aims,
    )


def models_table(
    models: Sequence[tuple[str, ModelFacts]],
    *,
    metric: str,
    words: str,
    change: bool = True,
    also: Sequence[str] = (),
) -> Table:
    """The figures of some models side by side, the last of them in bold.

    Args:
        models: Titles and figures.
        metric: What is kept, by name; the other metrics of the task follow in rows of their own.
        words: The same in words.
        change: Whether a last column tells how the last model differs from the first.
        also: Names of further costs to show.
    """
    titles = [title for title, _ in models]
    table = figures_table("", *titles, *(["change"] if change else []), whole=True)
    table.columns[len(models)].style = "bold"
    facts = [model for _, model in models]
    for label, figure, write, difference in (*map(_cost_row, also), *_ROWS):
        if label == _FULL_TEST and all(
            model.full_test_metric == model.test_metric for model in facts
        ):
            continue  # no test image validated
        values = [figure(model) for model in facts]
        changes = [difference(values[-1], values[0])] if change else []
        table.add_row(label.format(metric=words), *map(write, values), *changes)
    for name in facts[-1].metrics:
        others = [model.metrics[name] for model in facts]
        differ = any(abs(model.metrics[name] - model.test_metric) >= _ALIKE for model in facts)
        if name != metric and differ and name not in _SELDOM:
            changes = [difference_text(others[-1], others[0])] if change else []
            table.add_row(f"test {name}", *map(accuracy_text, others), *changes)
    return table


def _cost_row(name: str) -> _Row:
    kind = cost_kind(name)
    return (
        kind.label,
        lambda model: model.other_costs[name],
        partial(amount_text, kind),
        relative_text,
    )


def _changed(new: float, old: float) -> str:
    """A difference in a sentence, where `0.0000` would be taken for the accuracy itself."""
    told = difference_text(new, old)
    return told if told.startswith(("+", "-")) else "unchanged"


def against_control(report: RunReport, control: ModelFacts) -> Text:
    """What the control was trained on, and how the result stands to it."""
    seen = quantity_text(report.control_images)
    own = quantity_text(report.images_trained)
    gap = difference_text(report.result.test_metric, control.test_metric)
    return Text(
        f"The control is the unpruned original, trained on {seen} images (the result: {own}). "
        f"Test {report.metric_words}, result minus control: {gap}."
    )


def _limit_text(limit: LimitFacts) -> str:
    """The drop, what was allowed, and how likely that is to hold on unseen images."""
    told = (
        f"{difference_text(-limit.drop, 0.0)} {limit.metric} on {count_text(limit.num_validation)} "
        f"validation images (standard error {limit.standard_error:.4f})"
        + ("" if limit.allowed is None else f"; allowed {limit.allowed:g}")
    )
    if limit.probability is None:
        return told
    chance = min(max(limit.probability, 0.01), 0.99)
    return (
        f"{told}. The probability that the allowed drop holds on "
        f"{count_text(limit.num_unseen)} unseen images is {chance:.2f}"
    )


def recalibrated_text(report: RunReport) -> str | None:
    """What other batch-norm statistics alone do for the original, or None where they do nothing."""
    model = report.recalibrated
    if model is None:
        return None
    gap = difference_text(report.result.test_metric, model.test_metric)
    return (
        f"The recalibrated original (batch-norm statistics of {report.statistics.chosen}, nothing "
        f"trained or removed) has the test {report.metric_words} "
        f"{accuracy_text(model.test_metric)}, "
        f"{difference_text(model.test_metric, report.reference.test_metric)} against the "
        f"original. This gain does not come from pruning. Test {report.metric_words}, result minus "
        f"recalibrated original: {gap}."
    )


def _classes_table(classes: Sequence[ClassFacts], task: str) -> Table:
    """Each class before and after; of many classes those that lost most."""
    shown = sorted(classes, key=lambda each: each.result - each.reference)[:_MOST_CLASSES]
    names = {each.name for each in shown}
    title = f"Test {by_part(task)}"
    if len(classes) > len(shown):
        title += f" (of {len(classes)} classes, the {len(shown)} that lost most)"
    headings = ("", "images", "reference", "result", "change", "95 % interval")
    table = figures_table(*headings, title=title, whole=True)
    for each in classes:
        if each.name in names:
            table.add_row(
                printable(each.name),
                count_text(each.num_images),
                accuracy_text(each.reference),
                accuracy_text(each.result),
                difference_text(each.result, each.reference),
                f"{each.low:+.3f} to {each.high:+.3f}",
                style="bold red" if each.beyond else "",
            )
    return table


def _changes(morphs: Sequence[MorphRecord]) -> Text:
    counts = (
        ("removal", sum(morph.is_removal for morph in morphs)),
        ("insertion", sum(morph.is_insertion for morph in morphs)),
        ("widening", sum(morph.kind.startswith("widen") for morph in morphs)),
    )
    told = ", ".join(counted(count, word) for word, count in counts if count)
    if not morphs:
        return Text("Nothing was changed.", style="bold")
    return Text.assemble(("What changed, in order", "bold"), f" ({told or len(morphs)})")


def _change(index: int, morph: MorphRecord) -> Table:
    style = "red" if morph.is_removal else "green" if morph.is_insertion else ""
    kind, target = printable(morph.kind), printable(morph.target)
    layers = ", ".join(printable(name) for name in morph.layers) or "none"
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", width=3)
    table.add_column(overflow="fold")
    table.add_row(str(index), Text.assemble((kind, style), "  ", (target, "bold")))
    table.add_row("", pairs_table([("layers", layers), ("reason", morph.reason)]))
    return table


def _aim(report: RunReport) -> str:
    """What was asked for."""
    bound = ""
    if report.max_accuracy_drop is not None:
        bound = f", at most {accuracy_text(report.max_accuracy_drop)} {report.metric_words} lost"
    if not report.targets:
        return report.objective + bound
    kinds = [(cost_kind(name), most) for name, most in report.targets.items()]
    under = " and ".join(f"{amount_text(kind, most)} {kind.label}" for kind, most in kinds)
    return f"the best model of at most {under}{bound}"


def closing(report: RunReport) -> list[tuple[str, str]]:
    """What a run was given and what it did, as labels and texts."""
    aim = _aim(report)
    generations = len(report.generations)
    children = sum(len(generation.children) for generation in report.generations)
    return [
        ("model", report.model),
        ("data", f"{report.data}, scaling {report.input_scaling}"),
        ("validation", report.validation),
        ("objective", f"{aim}, seed {report.seed}"),
        ("change", _limit_text(report.limit)),
        ("searched", f"{counted(generations, 'generation')}, {children} children"),
        ("stopped", report.stop_reason),
        (
            "trained",
            f"{count_text(report.images_trained)} images, augmentation {report.augmentation}",
        ),
        ("time", time_text(report.elapsed_s, report.budget_s)),
        *([("left", "; ".join(report.unused))] if report.unused else []),
        ("written", ", ".join(str(Path(report.folder) / name) for name in report.files) or "none"),
    ]
