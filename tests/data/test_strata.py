import numpy as np

from prune_mi.data import strata


def test_classes_are_their_own_groups() -> None:
    assert strata(np.array([2, 0, 1]), "classes").tolist() == [2, 0, 1]
    assert strata(np.zeros(3, np.int64), "none").tolist() == [0, 0, 0]


def test_flags_are_grouped_by_which_are_set() -> None:
    flags = np.array([[0, 1], [1, 1], [0, 1], [0, 0]], np.uint8)
    assert strata(flags, "flags").tolist() == [1, 2, 1, 0]


def test_many_sets_of_flags_are_grouped_by_how_many_are_set(rng: np.random.Generator) -> None:
    flags = rng.integers(0, 2, (500, 40), dtype=np.uint8)
    groups = strata(flags, "flags")
    assert groups.dtype == np.int64 and 2 <= len(np.unique(groups)) <= 16
    assert (groups == np.minimum(flags.sum(axis=1), 15)).all()


def test_numbers_fall_into_bins_of_equally_many(rng: np.random.Generator) -> None:
    values = rng.standard_exponential(1000).astype(np.float32)
    groups = strata(values[:, None], "numbers")
    assert np.bincount(groups).tolist() == [100] * 10
    assert (np.diff(groups[np.argsort(values)]) >= 0).all()
    scaled = np.stack([values * 1000, 5 - values, np.ones_like(values)], axis=1)
    together = strata(scaled, "numbers")
    assert (together == groups).all() or (together == 9 - groups).all()


def test_equal_numbers_are_one_group() -> None:
    assert len(np.unique(strata(np.full((20, 1), 3.0, np.float32), "numbers"))) == 1


def test_masks_are_grouped_by_their_commonest_class() -> None:
    masks = np.array([[[0, 2], [2, 2]], [[1, 1], [0, 1]]], np.uint8)
    assert strata(masks, "masks").tolist() == [2, 1]
