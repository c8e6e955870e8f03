"""What `prune-mi evaluate` shows, models side by side, and `check`: two of them and its gates.

A check is shown as a table, Markdown for a comment, or JUnit XML.
"""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from junitparser import Failure, JUnitXml, TestCase, TestSuite
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_mi.records import Check, Comparison, Decision, EvaluatedModel, Evaluation
from prune_mi.report.tables import figures_table, print_apart, print_gates, print_notes
from prune_mi.report.wording import (
    accuracy_text,
    by_part,
    change_text,
    count_text,
    exact_percent_text,
    percent_text,
    printable,
    quantity_text,
    relative_text,
    size_text,
)

_T = TypeVar("_T")
_MOST_CLASSES = 12
_SIGNS: dict[Decision, str] = {"passed": "✅", "failed": "❌", "undecided": "❓"}


def print_evaluation(found: Evaluation, console: Console) -> None:
    """Prints the figures of each model, what changed against the first, and the classes."""
    print_apart(console, _names(found), _figures(found))
    if len(found.models) > 1:
        print_apart(console, _changes(found))
    print_apart(console, _classes(found))
    print_notes(found.notes, console)
    told = (
        f"{metric_text(found.metric)} on {count_text(found.num_images)} test images of "
        f"{printable(found.data)}; intervals are at 95 % confidence."
    )
    print_apart(console, Text(told))


def metric_text(metric: str) -> str:
    """The metric, as a sentence begins with it."""
    return "Accuracy" if metric == "accuracy" else "Balanced accuracy"


def _letters(found: Evaluation) -> list[str]:
    """A short name for each model, for tables: A, B, C."""
    letters = string.ascii_uppercase
    return [
        letters[place] if place < len(letters) else f"{letters[place % 26]}{place // 26}"
        for place in range(len(found.models))
    ]


def _names(found: Evaluation) -> Text:
    lines = [
        f"{letter}  {printable(model.path)}"
        for letter, model in zip(_letters(found), found.models, strict=True)
    ]
    return Text("\n".join(lines))


def _figures(found: Evaluation) -> Table:
    first = found.models[0]
    rows: dict[str, Callable[[EvaluatedModel], str]] = {
        found.metric: lambda each: accuracy_text(each.quality),
        "  95 % interval": lambda each: f"{each.low:.3f} to {each.high:.3f}",
        "params": lambda each: _with_change(count_text, each.num_params, first.num_params),
        "MACs": lambda each: _with_change(quantity_text, each.macs, first.macs),
        "layers": lambda each: count_text(each.num_layers),
        "size of the file": lambda each: size_text(each.size_bytes),
        "size as .keras": lambda each: _with_change(size_text, each.saved_bytes, first.saved_bytes),
    }
    return _rows(figures_table("", *_letters(found)), rows, found.models)


def _with_change(write: Callable[[int], str], value: int, before: int) -> str:
    return write(value) if value == before else f"{write(value)} ({relative_text(value, before)})"


def _changes(found: Evaluation) -> Table:
    compared = [each.against_first for each in found.models if each.against_first is not None]
    table = figures_table("against A", *_letters(found)[1:])
    rows: dict[str, Callable[[Comparison], str]] = {
        "change": lambda each: change_text(each.change),
        "  95 % interval": lambda each: f"{change_text(each.low)} to {change_text(each.high)}",
    }
    if all(each.changed is not None for each in compared):
        rows |= {
            "answers changed": lambda each: (
                f"{count_text(each.changed or 0)} ({_share_changed(each)})"
            ),
            "  from right to wrong": lambda each: count_text(each.right_to_wrong or 0),
            "  from wrong to right": lambda each: count_text(each.wrong_to_right or 0),
        }
    return _rows(table, rows, compared)


def _share_changed(found: Comparison) -> str:
    return percent_text((found.changed or 0) / (found.decisions or 1))


def _rows(table: Table, rows: Mapping[str, Callable[[_T], str]], columns: Sequence[_T]) -> Table:
    """A table with a row for each label, and in it a cell for each of `columns`."""
    for label, cell in rows.items():
        table.add_row(label, *map(cell, columns))
    return table


def _classes(found: Evaluation) -> Table:
    """Accuracy of each class; of many those in which a model is worst, or lost most."""
    first = found.models[0]
    places = sorted(range(len(first.classes)), key=lambda place: _worst(found.models, place))
    shown = sorted(places[:_MOST_CLASSES])
    table = figures_table(by_part(found.task), "images", *_letters(found))
    for place in shown:
        own = [each.classes[place] for each in found.models]
        table.add_row(
            printable(own[0].name),
            count_text(own[0].num_images),
            *(accuracy_text(each.quality) for each in own),
        )
    if len(first.classes) > len(shown):
        table.caption = f"the {len(shown)} of {len(first.classes)} classes that are worst"
        table.caption_justify = "left"
    return table


def _worst(models: Sequence[EvaluatedModel], place: int) -> float:
    before, *after = (each.classes[place].quality for each in models)
    return min((each - before for each in after), default=before)


def print_check(found: Check, console: Console) -> None:
    """Prints the verdict, and each gate with what was measured."""
    print_apart(console, _verdict(found))
    console.print()
    print_gates(found.gates, console)
    print_notes(found.evaluation.notes, console)


def check_to_markdown(found: Check) -> str:
    """A comment for a pull request: the verdict, the gates, both models' figures."""
    before, after = found.evaluation.models
    lines = [f"### {_headline(found)}", ""]
    lines += ["| gate | verdict | measured |", "| --- | --- | --- |"]
    lines += [
        f"| `{gate.name}` | {_SIGNS[gate.decision]} {gate.decision} | {_cell(gate.text)} |"
        for gate in found.gates
    ]
    lines += ["", "| | baseline | candidate | change |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in _compared_rows(found, before, after)]
    lines += [
        "",
        f"Baseline {_code(before.path)}, candidate {_code(after.path)}, "
        f"{count_text(found.evaluation.num_images)} test images of "
        f"{_code(found.evaluation.data)}; bounds at {exact_percent_text(found.confidence)} "
        "confidence.",
    ]
    lines += [f"- {_cell(note)}" for note in found.evaluation.notes]
    return "\n".join(lines) + "\n"


def check_to_junit(found: Check) -> str:
    """JUnit XML: a test case for each gate; what did not pass is a failure."""
    suite = TestSuite("prune-mi check")
    for gate in found.gates:
        case = TestCase(gate.name, classname="prune-mi.check")
        if gate.decision != "passed":
            case.result = [Failure(printable(gate.text), gate.decision)]
        else:
            case.system_out = printable(gate.text)
        suite.add_testcase(case)
    suite.update_statistics()
    whole = JUnitXml("prune-mi check")
    whole.add_testsuite(suite)
    whole.update_statistics()
    text: bytes = whole.tostring()
    return text.decode()


def _headline(found: Check) -> str:
    """Which gates did not pass, in a line."""
    if found.passed:
        return f"prune-mi: passed {_all_gates(found)}"
    told = []
    for decision in ("failed", "undecided"):
        names = [gate.name for gate in found.gates if gate.decision == decision]
        told += [f"{decision}: {', '.join(names)}"] if names else []
    return f"prune-mi: {'; '.join(told)}"


def _verdict(found: Check) -> Text:
    if found.passed:
        return Text.assemble(("Passed", "bold green"), f" {_all_gates(found)}.", end="")
    missed = [gate for gate in found.gates if gate.decision != "passed"]
    return Text.assemble(
        ("Not passed", "bold red"), f": {len(missed)} of {len(found.gates)} gates.", end=""
    )


def _all_gates(found: Check) -> str:
    return "the one gate" if len(found.gates) == 1 else f"all {len(found.gates)} gates"


def _compared_rows(found: Check, before: EvaluatedModel, after: EvaluatedModel) -> list[list[str]]:
    against = after.against_first
    change = change_text(against.change) if against else ""
    flips = _share_changed(against) if against and against.changed is not None else ""
    quality = found.evaluation.metric
    costs = (
        ("size as `.keras`", size_text, before.saved_bytes, after.saved_bytes),
        ("MACs", quantity_text, before.macs, after.macs),
        ("params", count_text, before.num_params, after.num_params),
    )
    return [
        [quality, accuracy_text(before.quality), accuracy_text(after.quality), change],
        *(
            [name, write(old), write(new), relative_text(new, old)]
            for name, write, old, new in costs
        ),
        ["answers changed", "", "", flips],
    ]


def _cell(text: str) -> str:
    """One line for a table of Markdown, in which nothing is markup, a link or a mention."""
    line = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", printable(text))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"@(?=\w)", "@\u200b", line).replace("://", ":\u200b//")


def _code(text: str) -> str:
    """The same as code, in which only the end of the code and of a cell mean something."""
    return f"`{printable(text).replace('`', chr(39)).replace('|', '¦')}`"
