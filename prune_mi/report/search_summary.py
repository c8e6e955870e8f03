"""What a search found: the start, the result and an ensemble side by side, and how to use it."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from prune_mi.data.class_file import CLASS_FILE
from prune_mi.records import SearchReport
from prune_mi.report.summary import (
    counted,
    figures_table,
    pairs_table,
    print_changes,
    print_notes,
)
from prune_mi.report.wording import accuracy_text, clock_text, count_text


def print_search_summary(report: SearchReport, console: Console) -> None:
    """Prints what a search found: the figures, every change, notes, files, the line to copy.

    Args:
        report: The search's report.
        console: Where to print; its width decides where lines wrap.
    """
    models = [(report.start if report.start == "seed" else "start", report.reference)]
    models.append(("result", report.result))
    if report.ensemble is not None:
        models.append((f"ensemble of {len(report.members)}", report.ensemble))
    console.print()
    console.print(_verdict(report), highlight=False)
    console.print()
    # What a network is more than a seed tells nobody anything.
    change = report.ensemble is None and report.start != "seed"
    console.print(figures_table(models, change=change))
    console.print()
    print_changes(report.lineage, console)
    print_notes(report.notes, console)
    console.print()
    console.print(pairs_table(_closing(report)), highlight=False)
    console.print()
    if CLASS_FILE in report.files:
        console.print("Ask it what is on an image:", highlight=False)
        console.print(
            f"  prune-mi predict {Path(report.folder) / report.files[0]} IMAGE.png",
            highlight=False,
            soft_wrap=True,
        )


def _verdict(report: SearchReport) -> Text:
    accuracy = accuracy_text(report.result.test_accuracy)
    size = f"{count_text(report.result.num_params)} params"
    guess = 1 / max(len(report.classes), 1)
    accuracy += f" (guessing: {accuracy_text(guess)})"
    if not report.better:
        return Text.assemble(
            ("Nothing better ", "bold yellow"),
            f"than the start was found; what is written out has a test accuracy of {accuracy}, "
            f"{size}.",
        )
    return Text.assemble(("Found: ", "bold green"), f"test accuracy {accuracy} with {size}.")


def _closing(report: SearchReport) -> list[tuple[str, str]]:
    elapsed = clock_text(report.elapsed_s)
    if report.budget_s is not None:
        elapsed += f" of {clock_text(report.budget_s)}"
    children = sum(
        bool(child.morphs) and not child.name.endswith("s")
        for generation in report.generations
        for child in generation.children
    )
    searched = f"{counted(len(report.generations), 'generation')}, {children} children trained"
    if report.trials:
        searched += f"; of {counted(report.trials, 'deletion')} tried {report.adoptions} adopted"
    rows = [
        ("start", report.start),
        ("layers", f"{report.layers}, as DEIM 2019 counts them"),
        ("data", f"{report.data}, {len(report.classes)} classes"),
        ("validation", report.validation),
        ("method", f"{report.method}, seed {report.seed}"),
        ("searched", searched),
        ("stopped", report.stop_reason),
        (
            "trained",
            f"{count_text(report.images_trained)} images, {count_text(report.total_images)} with "
            f"all others; augmentation {report.augmentation}",
        ),
        ("time", f"{elapsed} (minutes:seconds)"),
        ("written", ", ".join(str(Path(report.folder) / name) for name in report.files)),
    ]
    if report.members:
        rows.insert(6, ("ensemble", ", ".join(report.members)))
    return rows
