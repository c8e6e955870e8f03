"""`prune-mi check`: a candidate held to gates against its baseline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prune_mi.config import Gates, OptimizeSettings, make_gates, make_settings
from prune_mi.evaluation import side_by_side
from prune_mi.keras_io.model_file import best_of_run
from prune_mi.records import Check, ModelSource, Observer, SilentObserver
from prune_mi.stages.asking import ask
from prune_mi.stages.gates import judge
from prune_mi.stages.note_taker import NoteTaker
from prune_mi.stages.side_by_side import kept_rows, rivals


def check(
    candidate: str | Path,
    *,
    baseline: str | Path,
    data: str,
    gates: Mapping[str, Any],
    observer: Observer | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> Check:
    """Holds a candidate to gates against its baseline, as `prune-mi check` does.

    Args:
        candidate: A file, or the folder of a run.
        baseline: The model that it is to replace.
        data: As for `optimize`; the test images count.
        gates: By the names of the fields of `prune_mi.config.Gates`, such as
            `{"max_accuracy_drop": 0.02, "max_size": "300KB"}`. Files of the folder are not read.
        observer: Hears of progress.
        allow_unsafe: Whether Python code in the files, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the models' own layers.
        **settings: `metric`, `scaling`, `output`, `classes`, `allow_weak_model` and `workers`, as
            for `optimize`.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    new, old = (
        ModelSource(best_of_run(Path(each)), None, allow_unsafe, custom_objects)
        for each in (candidate, baseline)
    )
    return check_model(
        new,
        old,
        make_settings({**settings, "data": data}),
        make_gates(gates),
        observer=observer or SilentObserver(),
    )


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
        ModelError: If the two do not tell the same classes apart.
    """
    notes = NoteTaker(observer)
    notes.phase(f"Evaluating the baseline {baseline.path}")
    first = ask(baseline, settings, notes)
    notes.phase(f"Evaluating the candidate {candidate.path}")
    second = ask(candidate, settings, notes, first=first, as_first=True)
    rows = kept_rows([first, second])
    evaluation = side_by_side([first, second], rows, settings, notes)
    judged = judge(gates, rivals(first, second, rows), settings.metric)
    return Check(
        passed=all(each.decision == "passed" for each in judged),
        confidence=gates.confidence,
        gates=judged,
        evaluation=evaluation,
        settings_file=None if settings_file is None else str(settings_file),
    )
