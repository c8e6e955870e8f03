"""Which task a model is of: a table of heads, losses and labels."""

import numpy as np
import pytest

from prune_mi.config import TaskName, make_settings
from prune_mi.errors import ConfigError, DataError, ModelError
from prune_mi.keras_io.saving.compiling import CompileConfig
from prune_mi.preparation.find_task import form_choice, found_task, metric_of
from prune_mi.preparation.interface import Interface
from prune_mi.tasks.catalog import task_of
from prune_mi.tasks.task import Task

pytestmark = pytest.mark.slow  # for it imports Keras

ROWS = np.arange(30)
CLASSES, TWO = ROWS % 3, ROWS % 2
ONE_HOT = np.eye(3)[CLASSES]
FLAGS = (ROWS[:, None] % np.array([2, 3, 5]) == 0).astype(np.uint8)
NUMBERS = np.linspace(0, 1, 90, dtype=np.float32).reshape(30, 3)
MASKS = np.zeros((30, 8, 8), np.uint8)
BINARY = {"class_name": "BinaryCrossentropy", "config": {"from_logits": True}}


def _interface(shape: tuple[int, ...], ends_in: str, unit: str | None) -> Interface:
    return Interface((), ("answer",), 0, shape, frozenset({ends_in}), unit)  # type: ignore[arg-type]


def _found(
    interface: Interface,
    loss: object,
    labels: np.ndarray | None,
    asked: TaskName | None = None,
) -> Task:
    compiled = None if loss is None else CompileConfig("adam", loss, None, None, None)
    form = form_choice(interface, compiled, asked)(labels)
    return found_task(interface, compiled, asked, form)


@pytest.mark.parametrize(
    ("shape", "ends_in", "unit", "loss", "labels", "expected"),
    [
        ((3,), "softmax", None, None, CLASSES, "classification"),
        ((3,), "softmax", None, None, ONE_HOT, "classification"),
        ((3,), "softmax", None, "mse", ONE_HOT, "classification"),
        ((3,), "linear", None, None, CLASSES, "classification"),
        ((3,), "linear", None, None, ONE_HOT, "classification"),
        ((3,), "linear", None, "sparse_categorical_crossentropy", CLASSES, "classification"),
        ((3,), "linear", None, None, FLAGS, "multi-label"),
        ((3,), "linear", None, None, NUMBERS, "regression"),
        ((3,), "linear", None, None, NUMBERS[:, 0], "regression"),  # of another number of them
        ((3,), "linear", None, "mse", NUMBERS, "regression"),
        ((3,), "linear", None, "MeanAbsoluteError", np.round(9 * NUMBERS), "regression"),
        ((3,), "linear", None, BINARY, ONE_HOT, "multi-label"),
        ((3,), "sigmoid", None, None, FLAGS, "multi-label"),
        ((3,), "sigmoid", None, "binary_crossentropy", ONE_HOT, "multi-label"),
        ((3,), "sigmoid", None, "mse", NUMBERS, "regression"),
        ((3,), "relu", None, "mse", NUMBERS, "regression"),
        ((1,), "sigmoid", "sigmoid", None, TWO, "binary"),
        ((1,), "sigmoid", "sigmoid", None, TWO.astype(np.float32), "binary"),
        ((1,), "sigmoid", "sigmoid", "mse", NUMBERS[:, 0], "regression"),
        ((1,), "tanh", "tanh", None, 2 * TWO - 1, "binary"),
        ((1,), "linear", "logit", None, TWO, "binary"),
        ((1,), "linear", "logit", BINARY, TWO, "binary"),
        ((1,), "linear", "logit", None, ROWS % 10, "regression"),
        ((1,), "linear", "logit", "mse", TWO, "regression"),
        ((1,), "linear", "logit", None, NUMBERS[:, 0], "regression"),
        ((1,), "relu", None, "mae", ROWS, "regression"),
        ((8, 8, 3), "softmax", None, None, MASKS, "segmentation"),
        ((8, 8, 1), "sigmoid", None, None, MASKS, "segmentation"),
    ],
)
def test_a_task_is_found(
    shape: tuple[int, ...],
    ends_in: str,
    unit: str | None,
    loss: object,
    labels: np.ndarray,
    expected: TaskName,
) -> None:
    assert _found(_interface(shape, ends_in, unit), loss, labels) is task_of(expected)


@pytest.mark.parametrize(
    ("shape", "ends_in", "unit", "loss", "labelled"),
    [
        ((3,), "softmax", None, None, "classes"),
        ((3,), "linear", None, "sparse_categorical_crossentropy", "classes"),
        ((3,), "linear", None, "mse", "numbers"),
        ((3,), "linear", None, BINARY, "flags"),
        ((3,), "sigmoid", None, None, "flags"),
        ((1,), "sigmoid", "sigmoid", None, "classes"),
        ((1,), "linear", "logit", "mse", "numbers"),
        ((1,), "linear", "logit", BINARY, "classes"),
        ((8, 8, 1), "sigmoid", None, None, "masks"),
    ],
)
def test_without_labels_it_is_agreement(
    shape: tuple[int, ...], ends_in: str, unit: str | None, loss: object, labelled: str
) -> None:
    interface = _interface(shape, ends_in, unit)
    found = _found(interface, loss, None)
    assert (found.name, found.form, found.loss) == ("agreement", "none", labelled)
    asked = _found(interface, loss, CLASSES, "agreement")  # labels are not looked at
    assert (asked.name, asked.loss) == ("agreement", labelled)


@pytest.mark.parametrize(
    ("shape", "unit", "loss", "labels", "asked"),
    [
        ((1,), "sigmoid", None, TWO, "multi-label"),
        ((1,), "sigmoid", None, TWO, "regression"),
        ((1,), "sigmoid", None, NUMBERS[:, 0], "classification"),
        ((3,), None, None, CLASSES, "regression"),
        ((3,), None, "mse", CLASSES, "classification"),
        ((3,), None, None, ONE_HOT, "multi-label"),
    ],
)
def test_a_task_that_is_asked_for_goes_before_what_is_found(
    shape: tuple[int, ...],
    unit: str | None,
    loss: object,
    labels: np.ndarray,
    asked: TaskName,
) -> None:
    ends_in = unit or "linear"
    assert _found(_interface(shape, ends_in, unit), loss, labels, asked).name == asked


@pytest.mark.parametrize(
    ("shape", "unit", "asked", "expected"),
    [
        ((8, 8, 3), None, "classification", r"\(batch, classes\), or one unit"),
        ((8, 8, 3), None, "regression", r"\(batch, numbers\)"),
        ((8, 8, 3), None, "multi-label", r"\(batch, labels\)"),
        ((3,), None, "segmentation", r"\(batch, height, width, classes\)"),
        ((3,), None, "binary", "or one unit for two classes"),
        ((1,), None, "classification", r"\(batch, classes\)"),
    ],
)
def test_a_task_that_is_not_the_models_is_refused(
    shape: tuple[int, ...], unit: str | None, asked: TaskName, expected: str
) -> None:
    with pytest.raises(ConfigError, match=f"the task is {asked}, but .*'answer'.*{expected}"):
        _found(_interface(shape, "relu", unit), None, CLASSES, asked)


@pytest.mark.parametrize(
    ("shape", "unit", "message"),
    [
        ((3,), None, "is 3 linear units, which may be classes or numbers, and there are no labels"),
        ((1,), "logit", "is one linear unit, which may tell two classes apart or foretell a"),
    ],
)
def test_what_nothing_tells_is_not_guessed(
    shape: tuple[int, ...], unit: str | None, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        _found(_interface(shape, "linear", unit), None, None)


def test_a_task_that_needs_labels_is_not_one_without_them() -> None:
    with pytest.raises(DataError, match=r"the data have no labels; .*--task agreement"):
        _found(_interface((3,), "softmax", None), None, None, "classification")


def test_a_softmax_of_one_unit_is_refused() -> None:
    with pytest.raises(ModelError, match="ends in softmax, which is 1 for every input"):
        _found(_interface((1,), "softmax", None), None, TWO)


def test_a_metric_of_another_task_is_refused_with_those_there_are() -> None:
    settings = make_settings({"data": "digits", "metric": "mae"})
    with pytest.raises(
        ConfigError, match=r"`metric` is 'mae', but the task is segmentation; .*pixels, mean-iou"
    ):
        metric_of(task_of("segmentation"), settings)
    assert metric_of(task_of("regression"), settings).name == "mae"
    plain = make_settings({"data": "digits"})
    assert metric_of(task_of("regression"), plain).name == "r2"
    balanced = make_settings({"data": "digits", "metric": "balanced"})
    assert metric_of(task_of("binary"), balanced).name == "balanced"
