"""What trainings minimise: the task's loss or the model's own, and how much samples count."""

import numpy as np

from prune_mi.config import RunSettings
from prune_mi.data import Dataset
from prune_mi.errors import ConfigError
from prune_mi.graph.interface.packing import Packing
from prune_mi.keras_io.saving.compiling import CompileConfig, own_loss_of
from prune_mi.preparation.interface import Interface
from prune_mi.tasks.judge import Judge
from prune_mi.training.own_loss import fitted_own_loss
from prune_mi.training.plan import LossPlan

_TINY = 1e-12  # variance of numbers that do not vary


def loss_plan(
    judge: Judge,
    truth: np.ndarray,
    data: Dataset,
    packing: Packing,
    interface: Interface,
    compiled: CompileConfig | None,
    settings: RunSettings,
) -> LossPlan:
    """What trainings minimise.

    Args:
        judge: Knows the task and the judged output.
        truth: Of training samples, in the form of the task.
        data: Says what each sample counts.
        packing: Of the model.
        interface: Of the model.
        compiled: What the model was compiled with; a loss of the user's own is kept.
        settings: Say what classes count.

    Raises:
        ConfigError: If classes are weighted of a task that has none, or their number is another.
        ModelError: If the model's own loss is not known here.
    """
    kind = judge.task.loss
    numbers = kind == "numbers"
    variance = np.maximum(truth.astype(np.float64).var(axis=0), _TINY) if numbers else []
    written = None
    if data.form != "none":
        written = own_loss_of(compiled, interface.judged_name, interface.judged)
    if written is not None and settings.training.class_weights is not None:
        raise ConfigError(
            "`training.class_weights` weigh the task's loss, but the model was compiled with one "
            "of its own; expected null, or weights inside that loss"
        )
    return LossPlan(
        kind=kind,
        from_logits=judge.head.from_logits,
        other_outputs=packing.other_sizes,
        variance=tuple(float(each) for each in variance),
        class_weights=_class_weights(judge, truth, settings),
        weighted=data.w_train is not None,
        own=None if written is None else fitted_own_loss(written, judge, truth, unit=packing.unit),
    )


def _class_weights(judge: Judge, truth: np.ndarray, settings: RunSettings) -> tuple[float, ...]:
    asked = settings.training.class_weights
    if asked is None:
        return ()
    if judge.task.loss == "numbers":
        raise ConfigError(
            f"`training.class_weights` is {asked!r}, but the task is {judge.task.name}, which has "
            "no classes; expected null"
        )
    count = judge.head.shape[-1] if judge.task.loss != "masks" else max(judge.head.shape[-1], 2)
    if asked == "balanced":
        if judge.task.loss == "flags":
            shares = np.maximum(truth.mean(axis=0), 1 / len(truth))
        else:
            shares = np.bincount(truth.reshape(-1), minlength=count) / truth.size
            shares = np.maximum(shares, 1 / truth.size)
        found = 1 / shares
        return tuple(float(each) for each in found / found.mean())
    if len(asked) != count:
        parts = "classes" if judge.task.part == "class" else "labels"
        raise ConfigError(
            f"`training.class_weights` has {len(asked)} numbers, but the model has {count} "
            f"{parts}; expected one for each, in the order of the model's outputs"
        )
    return tuple(float(each) for each in asked)
