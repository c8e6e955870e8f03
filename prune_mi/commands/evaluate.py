"""`prune-mi evaluate`: models measured side by side."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras

from prune_mi.comparison.side_by_side import Asked, ask, kept_rows, opened_pool, side_by_side
from prune_mi.config import OptimizeSettings, make_settings
from prune_mi.data import data_setting
from prune_mi.errors import ConfigError
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.objects import opened_sources
from prune_mi.records import Evaluation, ModelSource, Observer, SilentObserver
from prune_mi.runs.notes import NoteTaker


def evaluate(
    *models: str | PathLike[str] | keras.Model,
    data: Any,
    observer: Observer | None = None,
    model_json: str | PathLike[str] | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> Evaluation:
    """Measures models side by side, as `prune-mi evaluate` does.

    Args:
        *models: Loaded models, files, or folders of runs; one or more, with the same classes.
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
    wanted = make_settings({**settings, "data": data_setting(data)})
    trust = Trust(allow_unsafe, custom_objects)
    with opened_sources(models, model_json=model_json, trust=trust) as sources:
        return evaluate_models(sources, wanted, observer=observer or SilentObserver())


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
            notes.phase(f"Evaluating {source.told}")
            first = asked[0] if asked else None
            asked.append(ask(source, settings, notes, pool=pool, first=first))
    return side_by_side(asked, kept_rows(asked, notes), settings, notes)
