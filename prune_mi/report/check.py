"""What `prune-mi check` shows and writes: a table, JSON, Markdown for a comment, JUnit XML."""

import re

from junitparser import Failure, JUnitXml, TestCase, TestSuite
from rich.console import Console
from rich.text import Text

from prune_mi.records import Check, Decision, EvaluatedModel
from prune_mi.report.evaluation import metric_text
from prune_mi.report.tables import print_apart, print_gates, print_notes
from prune_mi.report.wording import (
    accuracy_text,
    change_text,
    count_text,
    exact_percent_text,
    percent_text,
    printable,
    quantity_text,
    relative_text,
    size_text,
)

_SIGNS: dict[Decision, str] = {"passed": "✅", "failed": "❌", "undecided": "❓"}


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
    lines += [f"| {' | '.join(row)} |" for row in _rows(found, before, after)]
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


def _rows(found: Check, before: EvaluatedModel, after: EvaluatedModel) -> list[list[str]]:
    against = after.against_first
    change = change_text(against.change) if against else ""
    flips = percent_text(against.changed / found.evaluation.num_images) if against else ""
    quality = metric_text(found.evaluation.metric).lower()
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
