"""What tasks make of answers: divergences, targets, parts, and the truth of agreement."""

import numpy as np
import pytest

from prune_mi.tasks.agreement import answers_as_truth
from prune_mi.tasks.head import Head
from prune_mi.tasks.targets import packed_targets
from tests.judges import judge_for, of_classes
from tests.tasks.answers import NUMBERS, SHAPES, answered

TASKS = sorted(SHAPES)
ONE_CHANNEL = (6, 5, 1)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("task", TASKS)
def test_equal_answers_have_no_distance_and_others_have_one(task: str, from_logits: bool) -> None:
    found = answered(task, from_logits=from_logits)
    of, head = found.judge.task.divergence, found.judge.head
    np.testing.assert_allclose(of(found.first, found.first, head), 0, atol=1e-5)
    moved = of(found.first, found.second, head)
    assert moved.shape == (300,) and moved.dtype == np.float64
    assert (moved > -1e-6).all() and moved.mean() > 1e-3
    nearer = of(found.first, (0.9 * found.first + 0.1 * found.second), head)
    assert nearer.mean() < moved.mean()


@pytest.mark.parametrize("task", TASKS)
def test_logits_and_probabilities_are_as_far_apart(task: str) -> None:
    pairs = [answered(task, from_logits=each) for each in (True, False)]
    distances = [
        each.judge.task.divergence(each.first, each.second, each.judge.head) for each in pairs
    ]
    np.testing.assert_allclose(*distances, rtol=1e-3, atol=1e-3)


def test_divergences_are_those_of_books() -> None:
    p, q = 0.8, 0.3
    bits = p * np.log2(p / q) + (1 - p) * np.log2((1 - p) / (1 - q))
    flags = judge_for("multi-label", 2)
    known, left = np.full((1, 2), p, np.float32), np.full((1, 2), q, np.float32)
    assert flags.task.divergence(known, left, flags.head)[0] == pytest.approx(2 * bits, rel=1e-5)
    pixels = judge_for("segmentation", 3, 4, 1)
    known, left = (np.full((1, 3, 4, 1), each, np.float32) for each in (p, q))
    assert pixels.task.divergence(known, left, pixels.head)[0] == pytest.approx(bits, rel=1e-5)
    numbers = judge_for("regression", 1)
    known, left = np.array([[0.0], [2.0]]), np.array([[1.0], [2.0]])
    expected = [0.5 / np.log(2), 0.0]  # the variance of the first is 1
    found = numbers.task.divergence(known, left, numbers.head)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("task", "shape", "channels"),
    [
        ("classification", (7,), 14),
        ("binary", (2,), 4),
        ("multi-label", (4,), 8),
        ("regression", (3,), 6),
        ("counts", (3,), 6),
        ("segmentation", (6, 5, 3), 4),
        ("segmentation", ONE_CHANNEL, 3),
    ],
)
def test_targets_hold_labels_and_what_the_original_yields(
    task: str, shape: tuple[int, ...], channels: int, weighted: bool
) -> None:
    found = answered(task, shape=shape, from_logits=True)
    weights = np.linspace(0.5, 2, 300, dtype=np.float32) if weighted else None
    judge, spatial = found.judge, shape[:-1]
    for teacher in (None, found.first):
        targets = packed_targets(
            judge.task, judge.head, found.truth, teacher=teacher, weights=weights
        )
        assert targets.shape == (300, *spatial, channels + weighted)
        assert targets.dtype == (np.float16 if spatial and not weighted else np.float32)
        if weights is not None:
            last = targets[..., -1].reshape(300, -1)
            np.testing.assert_allclose(last, np.repeat(weights[:, None], last.shape[1], 1), 1e-3)
    if task == "segmentation":
        np.testing.assert_array_equal(targets[..., 0], found.truth)
        told = targets[..., 1:channels].astype(np.float64)
        np.testing.assert_allclose(np.exp(told).sum(axis=-1), 1, atol=2e-3)  # of half precision
        np.testing.assert_allclose(
            told[..., 1] - told[..., 0],
            found.first[..., -1] if shape[-1] == 1 else found.first[..., 1] - found.first[..., 0],
            atol=0.02,
        )
    elif task in ("multi-label", *NUMBERS):
        np.testing.assert_allclose(targets[:, : channels // 2], found.truth)
        wanted = targets[:, channels // 2 : channels]
        np.testing.assert_allclose(wanted, found.first, rtol=1e-3, atol=1e-3)


def test_other_outputs_lie_behind_and_weights_last() -> None:
    judge, others = of_classes(3), np.arange(8, dtype=np.float32).reshape(2, 4)
    teacher = np.array([[0.2, 0.3, 0.5, *others[0]], [0.6, 0.3, 0.1, *others[1]]], np.float32)
    targets = packed_targets(
        judge.task,
        judge.head,
        np.array([2, 0]),
        teacher=teacher,
        others=others,
        weights=np.array([1.0, 3.0]),
    )
    assert targets.shape == (2, 11)
    np.testing.assert_allclose(np.exp(targets[:, 3:6]), teacher[:, :3], rtol=1e-5)
    np.testing.assert_array_equal(targets[:, 6:10], others)
    np.testing.assert_array_equal(targets[:, 10], [1, 3])


@pytest.mark.parametrize("task", sorted({*TASKS} - {"counts"}))  # only found where there are labels
def test_a_model_agrees_with_itself(task: str) -> None:
    found = answered(f"agreement:{task}")
    judge = found.judge
    assert (judge.task.name, judge.task.form) == ("agreement", "none")
    assert judge.metric.words.startswith("agreement with the original")
    truth = answers_as_truth(judge.task, found.first, judge.head)
    assert truth.shape == found.truth.shape
    assert truth.dtype.kind == ("f" if task in NUMBERS else truth.dtype.kind)
    assert judge.measured(found.first, truth) == pytest.approx(1.0)
    assert judge.chance(truth) < judge.measured(found.second, truth) < 1.0
    judge.task.targets(truth, found.first, judge.head)


@pytest.mark.parametrize("task", TASKS)
def test_parts_are_told_one_by_one(task: str) -> None:
    found = answered(task)
    parts = found.judge.task.parts(found.first, found.truth, found.judge.head)
    assert [part.place for part in parts] == list(range(SHAPES[task][-1]))
    means = [float(part.scores[part.rows].mean()) for part in parts]
    metrics = found.judge.all_metrics(found.first, found.truth)
    whole = {
        "multi-label": "labels",
        "regression": "r2",
        "counts": "d2",
        "segmentation": "mean-iou",
    }
    expected = metrics[whole.get(task, "balanced")]
    assert np.mean(means) == pytest.approx(expected, abs=1e-6)


def test_a_head_takes_its_part_of_what_is_yielded() -> None:
    rows = np.arange(20.0).reshape(2, 10)
    np.testing.assert_array_equal(Head((3,)).of(rows), rows[:, :3])
    maps = Head((2, 2, 2)).of(rows)
    assert maps.shape == (2, 2, 2, 2) and maps[1, 0, 1, 1] == 13
