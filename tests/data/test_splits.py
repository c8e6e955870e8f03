import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.data import stratified_sample, stratified_split

label_lists = st.lists(st.integers(0, 5), max_size=80)
seeds = st.integers(0, 2**16)


@given(label_lists, st.floats(0, 1), seeds)
def test_a_split_has_every_sample_once_and_every_class_its_share(
    values: list[int], fraction: float, seed: int
) -> None:
    labels = np.array(values, dtype=np.int64)
    rest, held_out = stratified_split(labels, fraction=fraction, rng=np.random.default_rng(seed))
    assert sorted([*rest, *held_out]) == list(range(len(labels)))
    assert list(rest) == sorted(rest)
    assert list(held_out) == sorted(held_out)
    assert len(held_out) == round(fraction * len(labels))
    for label in set(values):
        share = fraction * values.count(label)
        assert abs(np.count_nonzero(labels[held_out] == label) - share) < 1 + 1e-9


@given(label_lists, st.integers(0, 100), seeds)
def test_a_sample_has_its_size_and_every_class_its_share(
    values: list[int], size: int, seed: int
) -> None:
    labels = np.array(values, dtype=np.int64)
    chosen = stratified_sample(labels, size=size, rng=np.random.default_rng(seed))
    assert len(set(chosen)) == len(chosen) == min(size, len(labels))
    assert list(chosen) == sorted(chosen)
    for label in set(values):
        share = values.count(label) * len(chosen) / len(labels)
        assert abs(np.count_nonzero(labels[chosen] == label) - share) < 1 + 1e-9


def test_the_generator_decides() -> None:
    labels = np.repeat(np.arange(4), 50)
    first = stratified_sample(labels, size=40, rng=np.random.default_rng(0))
    same = stratified_sample(labels, size=40, rng=np.random.default_rng(0))
    other = stratified_sample(labels, size=40, rng=np.random.default_rng(1))
    assert first.tolist() == same.tolist() != other.tolist()


def test_every_sample_is_chosen_equally_often() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0, 1, 0, 1, 0, 1])
    counts = np.zeros(6)
    for _ in range(600):
        counts[stratified_split(labels, fraction=0.5, rng=rng)[1]] += 1
    assert counts.min() > 240
    assert counts.max() < 360


def test_wrong_arguments_are_refused() -> None:
    rng = np.random.default_rng(0)
    labels = np.array([0, 1])
    with pytest.raises(ValueError, match=r"fraction is 1\.5; expected a share in \[0, 1\]"):
        stratified_split(labels, fraction=1.5, rng=rng)
    with pytest.raises(ValueError, match="size is -1; expected a number of samples"):
        stratified_sample(labels, size=-1, rng=rng)
    with pytest.raises(ValueError, match=r"labels have the shape \(2, 1\)"):
        stratified_split(labels[:, None], fraction=0.5, rng=rng)
