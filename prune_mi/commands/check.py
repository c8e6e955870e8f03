"""`prune-mi check`: a candidate held to gates against its baseline."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from prune_mi.comparison.gates import judge
from prune_mi.comparison.side_by_side import (
    Asked,
    ask,
    kept_rows,
    opened_pool,
    rivals,
    side_by_side,
)
from prune_mi.config import Gates, OptimizeSettings, make_gates, make_settings
from prune_mi.data import data_setting
from prune_mi.errors import ModelError
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.objects import opened_sources
from prune_mi.records import Check, ModelSource, Observer, SilentObserver
from prune_mi.runs.notes import NoteTaker


def check(
    candidate: str | PathLike[str] | keras.Model,
    *,
    baseline: str | PathLike[str] | keras.Model,
    data: Any,
    gates: Mapping[str, Any],
    observer: Observer | None = None,
    model_json: str | PathLike[str] | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> Check:
    """Holds a candidate to gates against its baseline, as `prune-mi check` does.

    Args:
        candidate: A loaded model, a file, the folder of a run, or what `optimize` gave back.
        baseline: The model that it is to replace, likewise.
        data: As for `optimize`; the test images count.
        gates: By the names of the fields of `prune_mi.config.Gates`, such as
            `{"max_accuracy_drop": 0.02, "max_size": "300KB"}`. Files of the folder are not read.
        observer: Hears of progress.
        model_json: JSON of `model.to_json()`, where a file holds weights alone.
        allow_unsafe: Whether Python code in the files, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the models' own layers.
        **settings: `metric`, `scaling`, `output`, `classes`, `allow_weak_model` and `workers`, as
            for `optimize`.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    wanted, held_to = make_settings({**settings, "data": data_setting(data)}), make_gates(gates)
    trust = Trust(allow_unsafe, custom_objects)
    models = [candidate, baseline]
    with opened_sources(models, model_json=model_json, trust=trust) as (new, old):
        return check_model(new, old, wanted, held_to, observer=observer or SilentObserver())


def check_model(
    candidate: ModelSource,
    baseline: ModelSource,
    settings: OptimizeSettings,
    gates: Gates,
    *,
    settings_file: Path | None = None,
    observer: Observer,
) -> Check:
    """Measures a candidate beside its baseline, and judges every gate.

    The candidate is asked as the baseline is: its scaling and its classes' order are not found out
    from its own answers, so that one that has been spoiled fails its gates and does not end the
    check. A `classes.json` beside it says in which order its classes are.

    Args:
        candidate: Its file.
        baseline: The model that it is to replace.
        settings: The data, how they are read, and the metric.
        gates: What the candidate is held to.
        settings_file: Where gates stood that no option gave, for the report.
        observer: Hears of progress.

    Raises:
        PruneMIError: As `prune_mi.optimize` does for its model, data and settings.
        ModelError: If the two do not tell the same classes apart, or the baseline works only with
            other batch-norm statistics.
    """
    notes = NoteTaker(observer)
    with opened_pool([baseline, candidate], settings, notes) as pool:
        notes.phase(f"Evaluating the baseline {baseline.told}")
        first = ask(baseline, settings, notes, pool=pool)
        _require_sound(first, settings)
        notes.phase(f"Evaluating the candidate {candidate.told}")
        second = ask(candidate, settings, notes, pool=pool, first=first, as_first=True)
    rows = kept_rows([first, second], notes)
    evaluation = side_by_side([first, second], rows, settings, notes)
    judged = judge(gates, rivals(first, second, rows))
    return Check(
        passed=all(each.decision == "passed" for each in judged),
        confidence=gates.confidence,
        gates=judged,
        evaluation=evaluation,
        settings_file=None if settings_file is None else str(settings_file),
    )


def _require_sound(baseline: Asked, settings: OptimizeSettings) -> None:
    if baseline.profile.needs_statistics and not settings.allow_weak_model:
        raise ModelError(
            f"{baseline.name} is right on these data only after its batch-norm statistics are "
            "computed again, so nearly any candidate would pass against it as it is; expected a "
            f"baseline that works as saved: `prune-mi recalibrate {baseline.name}` writes one "
            "(--allow-weak-model compares with it as it is)"
        )
