"""How far an allowed drop holds on images that selection has not seen."""

import numpy as np
import pytest

from prune_mi.measure.limit import (
    Drop,
    choose_within,
    expected_error,
    images_needed,
    paired_drop,
    safety_margin,
)


def _answers(
    rng: np.random.Generator, num: int, drops: list[float]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """An original that is right on nine tenths, and models that differ on a tenth of the images."""
    before = rng.random(num) < 0.9
    models = []
    for drop in drops:
        loses = before & (rng.random(num) < (0.1 + drop) / 2 / 0.9)
        gains = ~before & (rng.random(num) < (0.1 - drop) / 2 / 0.1)
        models.append((before & ~loses) | gains)
    return before, models


def _even(num: int) -> np.ndarray:
    return np.full(num, 1 / num)


class TestPairedDrop:
    def test_its_error_is_that_of_many_samples(self) -> None:
        rng = np.random.default_rng(0)
        found = [
            paired_drop(before, after, _even(400))
            for before, (after,) in (_answers(rng, 400, [0.03]) for _ in range(2000))
        ]
        values = [each.value for each in found]
        assert np.mean(values) == pytest.approx(0.03, abs=0.002)
        assert np.mean([each.standard_error for each in found]) == pytest.approx(
            np.std(values), rel=0.05
        )

    def test_equal_answers_on_few_images_leave_a_doubt(self) -> None:
        right = np.ones(50, dtype=bool)
        found = paired_drop(right, right, _even(50))
        assert found.value == 0
        assert found.standard_error == pytest.approx(1 / 50)

    def test_a_disagreement_counts_by_its_weight(self) -> None:
        before, after = np.array([True, True, True]), np.array([False, True, True])
        assert paired_drop(before, after, np.array([0.5, 0.25, 0.25])).value == 0.5


class TestSafetyMargin:
    def test_without_a_confidence_never_more_than_half(self) -> None:
        assert safety_margin(Drop(0.0, 0.002, 500), 0.02, confidence=None, num_unseen=500) == 0.002
        assert safety_margin(Drop(0.0, 0.05, 500), 0.02, confidence=None, num_unseen=500) == 0.01

    def test_more_confidence_and_fewer_images_ask_for_more(self) -> None:
        drop = Drop(0.0, 0.004, 1000)
        kept = [safety_margin(drop, 0.02, confidence=c, num_unseen=1000) for c in (0.6, 0.9, 0.99)]
        assert kept == sorted(kept)
        assert safety_margin(drop, 0.02, confidence=0.9, num_unseen=100) > kept[1]

    def test_confidence_alone_is_what_the_chance_is_told_by(self) -> None:
        drop = Drop(0.005, 0.004, 1000)
        kept = safety_margin(drop, 0.02, confidence=0.9, num_unseen=700)
        assert drop.chance_within(0.005 + kept, 700) == pytest.approx(0.9)


class TestChooseWithin:
    def test_the_first_that_fits_is_chosen(self) -> None:
        rng = np.random.default_rng(1)
        before, models = _answers(rng, 5000, [0.09, 0.0, -0.02])
        found = choose_within(
            before, models, _even(5000), limit=0.03, confidence=0.9, num_unseen=5000, rng=rng
        )
        assert found.place == 1
        assert found.chance > 0.9

    def test_none_fits(self) -> None:
        rng = np.random.default_rng(2)
        before, models = _answers(rng, 2000, [0.08, 0.07])
        found = choose_within(
            before, models, _even(2000), limit=0.01, confidence=None, num_unseen=2000, rng=rng
        )
        assert found.place is None
        assert found.chance == 0

    def test_nothing_to_choose_from(self) -> None:
        rng = np.random.default_rng(2)
        right = np.ones(10, dtype=bool)
        found = choose_within(
            right, [], _even(10), limit=0.01, confidence=None, num_unseen=10, rng=rng
        )
        assert found.place is None

    @pytest.mark.parametrize("confidence", [None, 0.9])
    def test_what_is_told_agrees_with_what_happens(self, confidence: float | None) -> None:
        rng = np.random.default_rng(3)
        told, held = [], []
        for _ in range(40):
            drops = np.sort(rng.normal(0.015, 0.015, 8))[::-1].tolist()
            before, models = _answers(rng, 4000, drops)
            for _ in range(5):
                seen, unseen = np.split(rng.permutation(4000), 2)
                found = choose_within(
                    before[seen],
                    [each[seen] for each in models],
                    _even(2000),
                    limit=0.02,
                    confidence=confidence,
                    num_unseen=2000,
                    rng=rng,
                )
                if found.place is not None:
                    drop = before[unseen].mean() - models[found.place][unseen].mean()
                    told.append(found.chance)
                    held.append(drop <= 0.02)
        assert np.mean(held) == pytest.approx(np.mean(told), abs=0.08)
        if confidence is not None:
            assert np.mean(held) >= confidence - 0.02


class TestImagesNeeded:
    def test_few_images_ask_for_more_and_that_number_is_enough(self) -> None:
        for confidence in (None, 0.9):
            asked = images_needed(0.99, 0.01, confidence=confidence, num_images=337, num_unseen=449)
            assert asked is not None and asked > 337
            again = images_needed(
                0.99, 0.01, confidence=confidence, num_images=asked, num_unseen=asked
            )
            assert again is None

    def test_many_images_are_enough(self) -> None:
        assert images_needed(0.87, 0.02, confidence=None, num_images=5000, num_unseen=5000) is None

    def test_the_expected_error_is_near_what_is_seen(self) -> None:
        rng = np.random.default_rng(4)
        before, (after,) = _answers(rng, 5000, [0.02])
        seen = paired_drop(before, after, _even(5000)).standard_error
        assert expected_error(0.9, 0.02, 5000) == pytest.approx(seen, rel=0.25)


def test_the_best_of_equals_looks_better_than_it_is() -> None:
    """By as much as the bias says, and by more than the first of them that fits does."""
    rng = np.random.default_rng(0)
    num, told, real = 1000, [], []
    for repeat in range(6):
        before = rng.random(num) < 0.9
        after = [rng.random(num) < 0.88 for _ in range(8)]
        weights = np.full(num, 1 / num)
        found = choose_within(
            before,
            after,
            weights,
            limit=0.1,
            confidence=None,
            num_unseen=num,
            rng=np.random.default_rng(repeat),
            best=True,
        )
        assert found.place == int(np.argmax([each.mean() for each in after]))
        told.append(found.bias)
        real.append(after[found.place].mean() - 0.88)
    assert np.mean(told) == pytest.approx(np.mean(real), abs=0.006)
