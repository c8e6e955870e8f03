"""Each loss against its closed form, and the user's own against what it was in its training."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from prune_mi.data import AugmentationPolicy, fit_scaling
from prune_mi.errors import ModelError
from prune_mi.keras_io.saving.compiling import CompileConfig, own_loss_of
from prune_mi.tasks.judge import Judge
from prune_mi.tasks.targets import packed_targets
from prune_mi.training.distillation import DistillationLoss
from prune_mi.training.feed import Feed, TrainingImages
from prune_mi.training.own_loss import fitted_own_loss, own_loss
from prune_mi.training.plan import LossPlan
from tests.judges import judge_for
from tests.tasks.answers import Answered, answered

pytestmark = pytest.mark.slow
T, D = 3.0, 0.4  # temperature, and weight of distillation


def _softmax(outputs: np.ndarray) -> np.ndarray:
    powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _found(
    given: Answered,
    *,
    weights: np.ndarray | None = None,
    class_weights: tuple[float, ...] = (),
    distillation: float = D,
) -> np.ndarray:
    """The loss of each sample of the second model, with the first for a teacher."""
    judge, kind = given.judge, given.judge.task.loss
    targets = packed_targets(
        judge.task, judge.head, given.truth, teacher=given.first, weights=weights
    )
    plan = LossPlan(
        kind=kind,
        from_logits=judge.head.from_logits,
        variance=tuple(given.truth.var(axis=0).tolist()) if kind == "numbers" else (),
        class_weights=class_weights,
        weighted=weights is not None,
    )
    loss = DistillationLoss(plan, weight=distillation, temperature=T)
    return np.asarray(loss.call(ops.convert_to_tensor(targets), given.second))


def _kl(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    p, q = _softmax(first / T), _softmax(second / T)
    return np.asarray(T**2 * (p * np.log(p / q)).sum(axis=-1))


def _two(logits: np.ndarray) -> np.ndarray:
    """One logit as two classes."""
    return np.stack([np.zeros_like(logits), logits], axis=-1)


def _parts(given: Answered) -> tuple[np.ndarray, np.ndarray]:
    """What each class, label or number loses by itself: hard and soft, of logits."""
    truth, first, second = (
        each.astype(np.float64) for each in (given.truth, given.first, given.second)
    )
    kind = given.judge.task.loss
    if kind == "numbers":
        variance = truth.var(axis=0)
        return (second - truth) ** 2 / variance, (second - first) ** 2 / variance
    if kind == "flags" or first.shape[-1] == 1:
        if kind == "masks":
            first, second = first[..., 0], second[..., 0]
        first, second = _two(first), _two(second)
    log = np.log(_softmax(second))
    hard = -np.take_along_axis(log, given.truth.astype(int)[..., None], axis=-1)[..., 0]
    return hard, _kl(first, second)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize(
    ("task", "shape"),
    [
        ("classification", (7,)),
        ("multi-label", (4,)),
        ("regression", (3,)),
        ("segmentation", (6, 5, 3)),
        ("segmentation", (6, 5, 1)),
    ],
)
def test_losses_are_their_closed_forms(
    task: str, shape: tuple[int, ...], from_logits: bool
) -> None:
    logits = answered(task, num=20, shape=shape, from_logits=True)
    given = answered(task, num=20, shape=shape, from_logits=from_logits)
    hard, soft = (each.reshape(20, -1).mean(axis=1) for each in _parts(logits))
    half = {"rtol": 5e-3, "atol": 5e-3} if task == "segmentation" else {"rtol": 1e-3, "atol": 1e-4}
    np.testing.assert_allclose(_found(given), (1 - D) * hard + D * soft, **half)
    np.testing.assert_allclose(_found(given, distillation=0.0), hard, rtol=1e-3, atol=1e-4)
    weights = np.linspace(0.5, 2.0, 20)
    expected = weights * ((1 - D) * hard + D * soft)
    np.testing.assert_allclose(_found(given, weights=weights), expected, **half)


@pytest.mark.parametrize(
    ("task", "shape"),
    [
        ("classification", (7,)),
        ("multi-label", (4,)),
        ("segmentation", (6, 5, 3)),
        ("segmentation", (6, 5, 1)),
    ],
)
def test_classes_count_what_they_weigh(task: str, shape: tuple[int, ...]) -> None:
    given = answered(task, num=20, shape=shape)
    counts = np.linspace(0.5, 3.0, max(shape[-1], 2))
    hard, _ = _parts(given)
    hard = hard * (counts if task == "multi-label" else counts[given.truth.astype(int)])
    found = _found(given, class_weights=tuple(counts.tolist()), distillation=0.0)
    np.testing.assert_allclose(found, hard.reshape(20, -1).mean(axis=1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("task", ["classification", "multi-label", "regression", "segmentation"])
def test_a_child_equal_to_its_teacher_loses_nothing_to_it(task: str) -> None:
    given = answered(task, num=20)
    same = Answered(given.judge, given.truth, given.second, given.second)
    np.testing.assert_allclose(_found(same, distillation=1.0), 0, atol=2e-3)


# Losses of a user's own; what they are called with is told by the shapes.
@keras.saving.register_keras_serializable(package="tests")
def squares_of_rows(y_true: Any, y_pred: Any) -> Any:
    assert y_true.shape[-1] == y_pred.shape[-1]
    return ops.sum(ops.square(ops.cast(y_true, "float32") - y_pred), axis=-1)


@keras.saving.register_keras_serializable(package="tests")
def gathered(y_true: Any, y_pred: Any) -> Any:
    """Which takes rows of 0 and 1 for classes, and yields one number for each."""
    places = ops.cast(y_true, "int32")
    places = places if len(places.shape) == 2 else places[:, None]
    found = 1.0 - ops.take_along_axis(y_pred, places, axis=1)
    return found[:, 0] if len(y_true.shape) == 1 else found


@keras.saving.register_keras_serializable(package="tests")
def minus_own_probability(y_true: Any, y_pred: Any) -> Any:
    """Takes numbers of classes; one-hot rows would make a matrix of it."""
    own = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
    return 1.0 - ops.sum(own * y_pred, axis=-1)


@keras.saving.register_keras_serializable(package="tests")
class FarOff(keras.losses.Loss):
    """Counts only what is off by more than one."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        apart = ops.abs(ops.cast(y_true, "float32") - y_pred)
        return ops.mean(ops.maximum(apart - 1.0, 0.0), axis=-1)


@keras.saving.register_keras_serializable(package="tests")
def one_number_for_all(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.square(ops.cast(y_true, "float32") - y_pred))


def _written(loss: Any) -> Any:
    """As a model's file has it."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="answer")])
    model.compile("adam", loss)
    config = CompileConfig("adam", model.get_compile_config()["loss"], None, None, None)
    return own_loss_of(config, "answer", 0)


def _own(loss: Any, judge: Judge, truth: np.ndarray, unit: str | None = None) -> Any:
    return fitted_own_loss(_written(loss), judge, truth, unit=unit)


def test_a_loss_of_keras_is_not_the_users_own() -> None:
    assert _written("mse") is None
    assert _written(keras.losses.CategoricalCrossentropy(label_smoothing=0.1)) is None
    assert _written(squares_of_rows) is not None


@pytest.mark.parametrize(
    ("loss", "one_hot"),
    [(squares_of_rows, True), (minus_own_probability, False), (gathered, False)],
)
def test_own_losses_of_classes_take_labels_as_they_did(loss: Any, one_hot: bool) -> None:
    given = answered("classification", num=50, from_logits=False)
    plan = _own(loss, given.judge, given.truth)
    assert plan.one_hot == one_hot
    rows = np.eye(7, dtype=np.float32)[given.truth]
    if one_hot:
        expected = np.square(rows - given.first).sum(axis=1)
    else:
        expected = 1 - given.first[np.arange(50), given.truth]
    found = np.asarray(own_loss(plan)(rows, ops.convert_to_tensor(given.first)))
    np.testing.assert_allclose(found, plan.scale * expected, rtol=1e-4)
    shares = rows.mean(axis=0)
    entropy = -np.mean(np.log(shares[given.truth]))
    constant = np.broadcast_to(shares, rows.shape)
    at_chance = np.asarray(own_loss(plan)(rows, ops.convert_to_tensor(constant)))
    assert at_chance.mean() == pytest.approx(entropy, rel=1e-3)


def test_an_own_loss_of_numbers_is_kept() -> None:
    given = answered("regression", num=50)
    plan = _own(FarOff(), given.judge, given.truth)
    found = np.asarray(own_loss(plan)(given.truth, ops.convert_to_tensor(given.first)))
    expected = np.maximum(np.abs(given.truth - given.first) - 1, 0).mean(axis=1)
    np.testing.assert_allclose(found, plan.scale * expected, rtol=1e-4, atol=1e-6)


def test_an_own_loss_of_one_unit_gets_that_unit() -> None:
    judge = judge_for("binary", 2)
    truth = np.arange(40) % 2
    plan = _own(squares_of_rows, judge, truth, unit="sigmoid")
    second = np.linspace(0.1, 0.9, 40, dtype=np.float32)
    columns = np.stack([1 - second, second], axis=1)
    rows = np.eye(2, dtype=np.float32)[truth]
    found = np.asarray(own_loss(plan)(rows, ops.convert_to_tensor(columns)))
    np.testing.assert_allclose(found, plan.scale * np.square(truth - second), rtol=1e-4)


def test_a_loss_that_is_no_number_for_each_sample_is_refused() -> None:
    given = answered("regression", num=50)
    with pytest.raises(ModelError, match=r"cannot be called with these labels: it yields .*\(\)"):
        _own(one_number_for_all, given.judge, given.truth)


def test_masks_move_with_their_images() -> None:
    rng = np.random.default_rng(0)
    masks = rng.integers(1, 4, (64, 6, 6)).astype(np.uint8)
    images = masks[..., None].astype(np.float32)
    judge = judge_for("segmentation", 6, 6, 4)
    source = TrainingImages(
        images=images,
        targets=packed_targets(judge.task, judge.head, masks),
        scaling=fit_scaling("none", images),
        augmentation=AugmentationPolicy(flip=True, max_shift=1, fill="zero"),
        targets_move=True,
    )
    seen, wanted = Feed(source, batch_size=64, num_batches=2, seed=0)[1]
    assert (seen[..., 0] != images[..., 0]).any()
    inside = seen[..., 0] > 0  # where there is no pixel that a shift has laid open
    assert 0.7 < inside.mean() < 1
    np.testing.assert_array_equal(wanted[..., 0][inside], seen[..., 0][inside])
    assert (wanted[..., 0] > 0).all()  # whose classes are those of the edge
