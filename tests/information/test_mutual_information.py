import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.information.mutual_information import information_bits


def _by_definition(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Sum of p(t, y) log2(p(t, y) / (p(t) p(y))), written out."""
    total = 0.0
    for cluster in np.unique(clusters):
        for label in np.unique(labels):
            joint = np.mean((clusters == cluster) & (labels == label))
            if joint > 0:
                apart = np.mean(clusters == cluster) * np.mean(labels == label)
                total += joint * np.log2(joint / apart)
    return total


@pytest.mark.parametrize("num_classes", [2, 3, 8, 10])
def test_independent_says_nothing_and_identical_says_all(num_classes: int) -> None:
    labels = np.tile(np.arange(num_classes), num_classes)
    independent = np.repeat(np.arange(num_classes), num_classes)
    assert information_bits(independent, labels) == pytest.approx(0.0, abs=1e-12)
    assert information_bits(labels, labels) == pytest.approx(np.log2(num_classes))
    assert information_bits(np.zeros_like(labels), labels) == pytest.approx(0.0, abs=1e-12)


def test_a_binary_channel() -> None:
    # Wrong one time in four: 1 - H(1/4) bits.
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    clusters = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    entropy = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    assert information_bits(clusters, labels) == pytest.approx(1 - entropy)


def test_merged_classes_and_split_clusters() -> None:
    labels = np.repeat(np.arange(4), 10)
    assert information_bits(labels // 2, labels) == pytest.approx(1.0)
    finer = np.arange(40) // 5
    assert information_bits(finer, labels) == pytest.approx(2.0)
    assert information_bits(np.arange(40), labels) == pytest.approx(2.0)


_PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60)


@given(_PAIRS)
def test_it_is_the_definition(pairs: list[tuple[int, int]]) -> None:
    clusters, labels = np.array(pairs).T
    bits = information_bits(clusters, labels)
    assert bits == pytest.approx(_by_definition(clusters, labels), abs=1e-9)
    fewest = min(len(set(clusters.tolist())), len(set(labels.tolist())))
    assert 0 <= bits <= np.log2(fewest) + 1e-9
    assert information_bits(labels, clusters) == pytest.approx(bits, abs=1e-9)


@given(_PAIRS, st.permutations(range(6)), st.permutations(range(4)), st.integers(0, 2**16))
def test_neither_names_nor_order_matter(
    pairs: list[tuple[int, int]], names: list[int], classes: list[int], seed: int
) -> None:
    clusters, labels = np.array(pairs).T
    order = np.random.default_rng(seed).permutation(len(pairs))
    renamed = np.array(names)[clusters] + 7
    relabelled = np.array(classes)[labels]
    expected = information_bits(clusters, labels)
    assert information_bits(renamed[order], relabelled[order]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("num_clusters", "num_classes", "num_samples"), [(9, 3, 1000), (30, 10, 2000)]
)
def test_the_bias_under_permuted_labels_is_as_documented(
    num_clusters: int, num_classes: int, num_samples: int, rng: np.random.Generator
) -> None:
    clusters = rng.integers(num_clusters, size=num_samples)
    labels = np.arange(num_samples) % num_classes
    bits = [information_bits(clusters, rng.permutation(labels)) for _ in range(100)]
    bias = (num_clusters - 1) * (num_classes - 1) / (2 * num_samples * np.log(2))
    assert np.mean(bits) == pytest.approx(bias, rel=0.12)
