"""What a run found beside its result: the frontier between costs and the metric."""

from collections.abc import Mapping
from pathlib import Path

from prune_mi.config import OptimizeSettings
from prune_mi.data.class_file import write_classes
from prune_mi.delivery.measuring import measured_facts
from prune_mi.delivery.trainings import Finalists
from prune_mi.delivery.writing import unpacked_model, write_model
from prune_mi.evolution.strategy import Evolved
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import FrontierPoint, ModelFacts
from prune_mi.runs.folder import POINTS
from prune_mi.runs.run import Run
from prune_mi.search.archive import Archive
from prune_mi.search.candidate import Trained


def points_of(evolved: Evolved, start: Trained, finalists: Finalists) -> tuple[Trained, ...]:
    """The points of a run, the best metric first.

    Args:
        evolved: Where the search ended.
        start: What it started from.
        finalists: After the final training; each takes the place of what it was before.
    """
    archive = Archive(start)
    archive.add(each for each in evolved.frontier if each.name != start.name)
    missed = [each for each in (finalists.missed, finalists.closest) if each is not None]
    archive.add(each for each in (*finalists.points, *missed, finalists.result) if each.lineage)
    written = (finalists.result, *finalists.points)
    return archive.points(also=[each for each in written if each.lineage])


def write_point(
    original: LoadedModel,
    point: Trained,
    file: Path,
    run: Run[OptimizeSettings],
    baseline: Baseline,
) -> ModelFacts:
    """Writes a point as the result is written, and measures it on the same images."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_model(unpacked_model(point.graph, baseline), original, file, baseline)
    write_classes(baseline.data, baseline.profile.scaling, file.parent)
    return measured_facts(
        point.graph,
        run.pool.predict(point.graph, "test_images"),
        baseline,
        quality=point.quality,
        size_bytes=file.stat().st_size,
    )


def written_frontier(
    original: LoadedModel,
    points: tuple[Trained, ...],
    finalists: Finalists,
    run: Run[OptimizeSettings],
    baseline: Baseline,
    *,
    measured: Mapping[str, ModelFacts],
    files: Mapping[str, str],
) -> tuple[FrontierPoint, ...]:
    """The frontier as the report has it; points that got the final training are written out.

    Args:
        original: As opened.
        points: See `points_of`.
        finalists: After the final training.
        run: The run under way.
        baseline: What it started from.
        measured: What is known of some on test images, by their names.
        files: Model files of some, by their names.
    """
    further = {
        each.name: write_point(original, each, run.folder.point(each.name), run, baseline)
        for each in finalists.points
    }
    models = {**further, **measured}
    written = {**{name: f"{POINTS}/{name}.keras" for name in further}, **files}
    return tuple(
        FrontierPoint(
            name=each.name,
            costs=each.cost.amounts,
            val_metric=baseline.judge.value(each.quality),
            images_trained=each.images_trained,
            is_result=each.name == finalists.result.name,
            has_weights=bool(each.lineage),
            model=models.get(each.name),
            file=written.get(each.name),
        )
        for each in points
    )
