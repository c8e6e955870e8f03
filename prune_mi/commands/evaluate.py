"""`prune-mi evaluate`: models measured side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prune_mi.comparison.side_by_side import Asked, ask, kept_rows, opened_pool, side_by_side
from prune_mi.config import OptimizeSettings, make_settings
from prune_mi.errors import ConfigError
from prune_mi.keras_io.files.model_file import model_sources
from prune_mi.records import Evaluation, ModelSource, Observer, SilentObserver
from prune_mi.runs.notes import NoteTaker


def evaluate(
    *models: str | Path,
    data: str,
    observer: Observer | None = None,
    model_json: str | Path | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> Evaluation:
    """Measures models side by side, as `prune-mi evaluate` does.

    Args:
        *models: Files, or folders of runs; one or more, with the same classes.
        data: As for `optimize`; the test images count.
        observer: Hears of progress.
        model_json: JSON of `model.to_json()`, for files that hold weights alone.
        allow_unsafe: Whether Python code in the files, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the models' own layers.
        **settings: `metric`, `scaling`, `output`, `classes`, `allow_weak_model` and `workers`, as
            for `optimize`.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    if not models:
        raise ConfigError("received no model; expected one or more")
    sources = model_sources(
        [Path(each) for each in models],
        model_json=None if model_json is None else Path(model_json),
        allow_unsafe=allow_unsafe,
        custom_objects=custom_objects,
    )
    return evaluate_models(
        sources,
        make_settings({**settings, "data": data}),
        observer=observer or SilentObserver(),
    )


def evaluate_models(
    sources: Sequence[ModelSource], settings: OptimizeSettings, *, observer: Observer
) -> Evaluation:
    """Measures models on the same test images, each against the first.

    Each is asked in the way that is found to be its own; see `prune_mi.optimize`.

    Args:
        sources: One or more, with the same classes.
        settings: The data, how they are read, and the metric.
        observer: Hears of progress.

    Raises:
        PruneMIError: As `prune_mi.optimize` does for its model, data and settings.
        ModelError: If the models do not tell the same classes apart.
    """
    notes = NoteTaker(observer)
    asked: list[Asked] = []
    with opened_pool(sources, settings, notes) as pool:
        for source in sources:
            notes.phase(f"Evaluating {source.path}")
            first = asked[0] if asked else None
            asked.append(ask(source, settings, notes, pool=pool, first=first))
    return side_by_side(asked, kept_rows(asked, notes), settings, notes)
