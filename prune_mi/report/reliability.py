"""How far a result can be trusted: the allowed drop, the classes, and what was left."""

from collections.abc import Sequence

from rich.table import Table

from prune_mi.records import ClassFacts, LimitFacts, RunReport
from prune_mi.report.tables import figures_table
from prune_mi.report.wording import accuracy_text, count_text, difference_text, printable

_MOST_CLASSES = 12


def limit_text(limit: LimitFacts) -> str:
    """The drop, what was allowed, and how likely that is to hold on unseen images."""
    metric = "accuracy" if limit.metric == "accuracy" else "balanced accuracy"
    told = (
        f"{difference_text(-limit.drop, 0.0)} {metric} on {count_text(limit.num_validation)} "
        f"validation images (standard error {limit.standard_error:.4f}); allowed "
        f"{limit.allowed:g}"
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
    gap = difference_text(report.result.test_accuracy, model.test_accuracy)
    return (
        f"The recalibrated original (batch-norm statistics of {report.statistics.chosen}, nothing "
        f"trained or removed) has the test accuracy {accuracy_text(model.test_accuracy)}, "
        f"{difference_text(model.test_accuracy, report.reference.test_accuracy)} against the "
        "original. This gain does not come from pruning. Test accuracy, result minus recalibrated "
        f"original: {gap}."
    )


def classes_table(classes: Sequence[ClassFacts]) -> Table:
    """Each class before and after; of many classes those that lost most."""
    shown = sorted(classes, key=lambda each: each.result - each.reference)[:_MOST_CLASSES]
    names = {each.name for each in shown}
    title = "Test accuracy by class"
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
