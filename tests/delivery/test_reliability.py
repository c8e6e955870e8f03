"""What a report says of how far its result can be trusted."""

from types import SimpleNamespace

import numpy as np
import pytest

from prune_mi.config import make_settings
from prune_mi.data import Dataset
from prune_mi.delivery.reliability import class_facts, class_warnings, limit_facts, unused_facts
from prune_mi.evolution.limits import AllowedDrop, allowed_drop
from prune_mi.evolution.strategy import Evolved
from prune_mi.records import SilentObserver, TrainedChild
from prune_mi.runs.notes import NoteTaker
from prune_mi.search.budget import Budget
from prune_mi.search.candidate import Trained
from tests.candidates import trained
from tests.judges import of_classes

LABELS = np.repeat([0, 1, 2], 400)


def _data() -> Dataset:
    images = np.zeros((len(LABELS), 2, 2, 1), np.float32)
    names = ("cat", "dog", "hen")
    return Dataset(images, LABELS, images, LABELS, None, None, names, "made up", ())


def _outputs(right: np.ndarray) -> np.ndarray:
    answers = np.where(right, LABELS, (LABELS + 1) % 3)
    return np.eye(3, dtype=np.float32)[answers]


BASELINE = SimpleNamespace(
    roles=SimpleNamespace(unseen=np.arange(len(LABELS))),
    data=_data(),
    judge=of_classes(3),
    given=trained("reference", 0.9),
    judged_by=trained("reference", 0.9),
)


def test_a_class_that_lost_too_much_is_named() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(len(LABELS)) < 0.95
    after = before & ((LABELS != 1) | (rng.random(len(LABELS)) < 0.8))
    facts = class_facts(_outputs(before), _outputs(after), BASELINE, limit=0.05)  # type: ignore[arg-type]
    assert [each.name for each in facts] == ["cat", "dog", "hen"]
    assert [each.beyond for each in facts] == [False, True, False]
    dog = facts[1]
    assert dog.reference == pytest.approx(before[LABELS == 1].mean())
    assert dog.low < dog.result - dog.reference < dog.high < -0.05
    (warning,) = class_warnings(facts, BASELINE.judge)
    assert "Class dog lost more than the allowed drop" in warning


def test_classes_hold_by_chance_no_more_often_than_they_should() -> None:
    rng = np.random.default_rng(1)
    named = 0
    for _ in range(200):
        before = rng.random(len(LABELS)) < 0.9
        flipped = rng.random(len(LABELS)) < 0.05
        facts = class_facts(
            _outputs(before),
            _outputs(before ^ (flipped & before)),
            BASELINE,  # type: ignore[arg-type]
            limit=0.045,  # what each class has lost, in truth
        )
        named += any(each.beyond for each in facts)
    assert named / 200 < 0.08


def _allowed(limit: float, confidence: float | None = None) -> AllowedDrop:
    rng = np.random.default_rng(2)
    before = rng.random(len(LABELS)) < 0.9
    weights = BASELINE.judge.weights(LABELS)
    return AllowedDrop(before, weights, limit, confidence, len(LABELS), 0.0)


def _child(allowed: AllowedDrop, lost: float) -> Trained:
    rng = np.random.default_rng(3)
    scores = allowed.before & (rng.random(len(LABELS)) >= lost)
    return trained("g1c1", float(scores.mean()), scores=scores)


@pytest.mark.parametrize(("lost", "least", "most"), [(0.0, 0.9, 1.0), (0.05, 0.0, 0.1)])
def test_the_limit_holds_as_likely_as_told(lost: float, least: float, most: float) -> None:
    allowed = _allowed(0.02)
    child = _child(allowed, lost)
    known = (TrainedChild("g1c1", child.cost, child.scores),)
    evolved = Evolved(child, (), "", None, trained=known)  # type: ignore[arg-type]
    settings = make_settings({"data": "digits", "max_accuracy_drop": 0.02})
    facts = limit_facts(child, evolved, allowed, BASELINE, settings, chosen=True)  # type: ignore[arg-type]
    assert facts.probability is not None
    assert least <= facts.probability <= most
    assert facts.drop == pytest.approx(allowed.before.mean() - child.quality)
    assert facts.counted_from == 0.9
    budget = Budget(100.0, started=0.0, clock=lambda: 40.0)
    told = unused_facts(facts, budget, settings, smaller=True)
    assert any(each.startswith("60% of the budget") for each in told)


def test_confidence_asks_for_a_wider_margin() -> None:
    child = _child(_allowed(0.02), 0.01)
    plain, sure = (_allowed(0.02, c).with_margin(child, bias=0.001) for c in (None, 0.95))
    assert 0 < 2 * plain.margin < sure.margin


def test_few_images_for_a_small_limit_are_told_of() -> None:
    notes = NoteTaker(SilentObserver())
    baseline = SimpleNamespace(
        roles=BASELINE.roles,
        judge=BASELINE.judge,
        images=SimpleNamespace(validation_truth=LABELS[:300]),
        judged_by=trained("reference", 0.99, scores=np.ones(300, dtype=bool)),
    )
    settings = make_settings({"data": "digits", "max_accuracy_drop": 0.01})
    allowed = allowed_drop(baseline, settings, notes)  # type: ignore[arg-type]
    assert allowed.before is baseline.judged_by.scores
    (note,) = notes.said
    assert "300 validation images are few" in note
    assert "The drop of a smaller model can be measured only to about ±" in note
    assert note.endswith("validation images, or a larger --max-accuracy-drop.")
