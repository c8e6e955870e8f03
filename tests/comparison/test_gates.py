"""Gates: what passes, what fails, what is undecided, and what is said of it."""

from dataclasses import replace

import numpy as np
import pytest

from prune_mi.comparison.gates import Rivals, judge
from prune_mi.config import Gates
from prune_mi.records import GateResult
from tests.judges import of_classes

NUM = 2000
LABELS = np.arange(NUM) % 10
ONE_HOT = np.eye(10, dtype=np.float32)


def _rivals(wrong: int = 0, changed_wrong: int = 0) -> Rivals:
    """A baseline that is wrong on the last 200 images, and a candidate.

    Args:
        wrong: Images more that the candidate is wrong on.
        changed_wrong: Of those that both are wrong on, how many it answers otherwise.
    """
    before = LABELS.copy()
    before[-200:] = (before[-200:] + 1) % 10
    after = before.copy()
    after[:wrong] = (after[:wrong] + 1) % 10
    after[NUM - changed_wrong :] = (after[NUM - changed_wrong :] + 1) % 10
    names = tuple(f"class{place}" for place in range(10))
    return Rivals(
        judge=of_classes(10),
        before=ONE_HOT[before],
        after=ONE_HOT[after],
        truth=LABELS,
        names=names,
        params=(1000, 600),
        macs=(5000, 4000),
        saved_bytes=(30_000, 20_000),
        size_bytes=90_000,
    )


def _judged(given: Rivals, **gates: object) -> GateResult:
    (found,) = judge(Gates.model_validate(gates), given)
    return found


@pytest.mark.parametrize(
    ("wrong", "decision"), [(0, "passed"), (10, "passed"), (19, "undecided"), (60, "failed")]
)
def test_a_drop_in_accuracy(wrong: int, decision: str) -> None:
    found = _judged(_rivals(wrong), max_accuracy_drop=0.01)
    assert found.decision == decision
    assert found.value == pytest.approx(wrong / NUM)
    assert (found.images_to_decide is None) == (decision != "undecided")
    if decision == "undecided":
        assert "too few images to decide, which counts as failed" in found.text
        assert f"{found.images_to_decide:,} test images would decide" in found.text
    if decision == "failed":
        assert "train it further" in found.text


def test_equal_accuracy_with_many_changed_answers() -> None:
    given = _rivals(changed_wrong=120)
    assert _judged(given, max_accuracy_drop=0.01).decision == "passed"
    found = _judged(given, max_flips=0.03)
    assert found.decision == "failed"
    assert "6.0 % of the answers changed (120 of 2,000, 0 from right to wrong)" in found.text


def test_the_worst_class_is_named() -> None:
    given = _rivals()
    after = given.after.copy()
    rows = np.flatnonzero(LABELS == 7)[:60]
    after[rows] = ONE_HOT[8]
    found = _judged(replace(given, after=after), max_class_drop=0.1)
    assert found.decision == "failed"
    assert "class7 is judged worst" in found.text
    assert _judged(given, max_class_drop=0.1).decision == "passed"


def test_a_class_without_images_is_not_passed() -> None:
    given = _rivals()
    rows = given.truth != 4
    few = replace(
        given, before=given.before[rows], after=given.after[rows], truth=given.truth[rows]
    )
    found = _judged(few, max_class_drop=0.1)
    assert found.decision == "undecided" and found.images_to_decide is None
    assert "there are no test images of class4" in found.text
    after = few.after.copy()
    after[few.truth == 7] = ONE_HOT[8]
    found = _judged(replace(few, after=after), max_class_drop=0.1)
    assert found.decision == "failed" and "class7 is judged worst" in found.text


def test_classes_that_all_keep_the_limit_need_no_correction() -> None:
    """45 images of each of ten classes, all answered alike."""
    labels = np.repeat(np.arange(10), 45)
    given = replace(_rivals(), before=ONE_HOT[labels], after=ONE_HOT[labels], truth=labels)
    assert _judged(given, max_class_drop=0.03).decision == "passed"
    found = _judged(given, max_class_drop=0.02)
    assert found.decision == "undecided"
    assert found.images_to_decide is not None and 60 < found.images_to_decide < 70
    assert f"about {found.images_to_decide} test images of each class" in found.text


def test_what_is_no_answer_is_a_changed_one() -> None:
    given = _rivals()
    found = _judged(replace(given, after=np.full((NUM, 10), np.nan, np.float32)), max_flips=0.5)
    assert found.value == 1.0 and found.decision == "failed"


@pytest.mark.parametrize(
    ("gate", "limit", "passes"),
    [
        ("min_size_reduction", 1 / 3, True),
        ("min_size_reduction", 0.34, False),
        ("min_macs_reduction", 0.2, True),
        ("min_macs_reduction", 0.21, False),
        ("min_params_reduction", 0.4, True),
        ("min_params_reduction", 0.41, False),
        ("max_size", "90KB", True),
        ("max_size", 89_999, False),
    ],
)
def test_what_is_counted_is_exact(gate: str, limit: object, passes: bool) -> None:
    found = _judged(_rivals(), **{gate: limit})
    assert found.decision == ("passed" if passes else "failed")
    assert found.low is None


def test_a_reduction_is_not_rounded_up_to_what_was_asked_for() -> None:
    given = replace(_rivals(), params=(10_000, 7_004))
    assert "29.9 % less; asked for 30 % less" in _judged(given, min_params_reduction=0.3).text
    given = replace(_rivals(), params=(10_000, 12_000))
    assert "20.0 % more; asked for" in _judged(given, min_params_reduction=0.3).text


def test_a_confidence_is_told_as_it_was_given() -> None:
    found = _judged(_rivals(), max_accuracy_drop=0.1, confidence=0.995)
    assert "at 99.5 % confidence" in found.text
    assert "accuracy changed by 0.0000 on" in found.text


def test_gates_come_in_the_order_of_the_options() -> None:
    gates = Gates(max_size=10**6, max_flips=0.5, max_accuracy_drop=0.5)
    names = [each.name for each in judge(gates, _rivals())]
    assert names == ["max-accuracy-drop", "max-flips", "max-size"]
