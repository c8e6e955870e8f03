"""What a search has changed and what it cost, for those who know the field."""

from rich.console import Console

from prune_mi.records import SearchReport
from prune_mi.report.summary import counted, figures_table, pairs_table, print_changes
from prune_mi.report.wording import count_text


def print_search_details(report: SearchReport, console: Console) -> None:
    """Prints the start, the result and an ensemble side by side, every change, and the cost.

    Args:
        report: The search's report.
        console: Where to print; its width decides where lines wrap.
    """
    models = [(report.start if report.start == "seed" else "start", report.reference)]
    models.append(("result", report.result))
    if report.ensemble is not None:
        models.append((f"ensemble of {len(report.members)}", report.ensemble))
    console.print()
    # What a network is more than a seed tells nobody anything.
    change = report.ensemble is None and report.start != "seed"
    console.print(figures_table(models, change=change))
    console.print()
    print_changes(report.lineage, console)
    console.print()
    console.print(pairs_table(_facts(report)), highlight=False)


def _facts(report: SearchReport) -> list[tuple[str, str]]:
    children = sum(
        bool(child.morphs) and child.parent == generation.parent and child.verdict != "failed"
        for generation in report.generations
        for child in generation.children
    )
    searched = (
        f"{counted(len(report.generations), 'generation')}, "
        f"{children} {'child' if children == 1 else 'children'} trained"
    )
    if report.trials:
        searched += f"; of {counted(report.trials, 'deletion')} tried {report.adoptions} adopted"
    rows = [
        ("start", report.start),
        ("layers", f"{report.layers} as DEIM 2019 counts them: no rescaling, flattening or joins"),
        ("validation", report.validation),
        ("method", f"{report.method}, seed {report.seed}"),
        ("searched", searched),
        ("stopped", report.stop_reason),
        (
            "trained",
            f"{count_text(report.images_trained)} images, {count_text(report.total_images)} with "
            f"all others; augmentation {report.augmentation}",
        ),
        ("training", f"{report.training_s:.0f} s, of {counted(report.workers, 'worker')}"),
    ]
    if report.members:
        rows.insert(5, ("ensemble", ", ".join(report.members)))
    return rows
