"""What a run found beside its result: the frontier between costs and the metric."""

from collections.abc import Mapping

from prune_mi.evolution.strategy import Evolved
from prune_mi.records import FrontierPoint, ModelFacts
from prune_mi.search.archive import Archive
from prune_mi.search.candidate import Trained


def points_of(
    evolved: Evolved, start: Trained, result: Trained, *others: Trained
) -> tuple[Trained, ...]:
    """The points of a run, the best metric first.

    Args:
        evolved: Where the search ended.
        start: What it started from.
        result: After the final training, which takes the place of what it was before.
        others: Likewise.
    """
    archive = Archive(start)
    archive.add(each for each in evolved.frontier if each.name != start.name)
    archive.add(each for each in (*others, result) if each.lineage)
    return archive.points()


def frontier_facts(
    points: tuple[Trained, ...],
    result: Trained,
    *,
    measured: Mapping[str, ModelFacts],
    files: Mapping[str, str],
) -> tuple[FrontierPoint, ...]:
    """The frontier as the report has it.

    Args:
        points: See `points_of`.
        result: The run's.
        measured: What is known of some on test images, by their names.
        files: Model files of some, by their names.
    """
    return tuple(
        FrontierPoint(
            name=each.name,
            costs=each.cost.amounts,
            val_metric=each.accuracy,
            images_trained=each.images_trained,
            is_result=each.name == result.name,
            has_weights=bool(each.lineage),
            model=measured.get(each.name),
            file=files.get(each.name),
        )
        for each in points
    )
