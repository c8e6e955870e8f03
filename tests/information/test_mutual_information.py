import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from prune_mi.information.mutual_information import ClusterInformation, information_bits


def _bits(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Of hard clusters, all samples alike."""
    assigned = np.eye(int(clusters.max()) + 1)[clusters]
    even = np.full((1, len(labels)), 1 / len(labels))
    return float(ClusterInformation(assigned, labels).bits(even)[0])


def _corrected(assigned: np.ndarray, labels: np.ndarray) -> float:
    return ClusterInformation(assigned, labels).corrected_bits(0)


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
    assert _bits(independent, labels) == pytest.approx(0.0, abs=1e-12)
    assert _bits(labels, labels) == pytest.approx(np.log2(num_classes))
    assert _bits(np.zeros_like(labels), labels) == pytest.approx(0.0, abs=1e-12)


def test_a_binary_channel() -> None:
    # Wrong one time in four: 1 - H(1/4) bits.
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    clusters = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    entropy = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    assert _bits(clusters, labels) == pytest.approx(1 - entropy)


def test_a_soft_channel_is_the_same_channel() -> None:
    # Each sample in its class's cluster by three quarters: the joint is that of the binary channel.
    labels = np.array([0, 1, 0, 1])
    assigned = np.where(np.eye(2)[labels] > 0, 0.75, 0.25)
    found = ClusterInformation(assigned, labels).bits(np.full((1, 4), 0.25))
    entropy = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    assert found == pytest.approx(1 - entropy)
    assert information_bits(np.array([[3, 1], [1, 3]]) / 8) == pytest.approx(1 - entropy)


def test_merged_classes_and_split_clusters() -> None:
    labels = np.repeat(np.arange(4), 10)
    assert _bits(labels // 2, labels) == pytest.approx(1.0)
    finer = np.arange(40) // 5
    assert _bits(finer, labels) == pytest.approx(2.0)
    assert _bits(np.arange(40), labels) == pytest.approx(2.0)


_PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60)


@given(_PAIRS)
def test_it_is_the_definition(pairs: list[tuple[int, int]]) -> None:
    clusters, labels = np.array(pairs).T
    bits = _bits(clusters, labels)
    assert bits == pytest.approx(_by_definition(clusters, labels), abs=1e-9)
    assert bits == pytest.approx(mutual_info_score(clusters, labels) / np.log(2), abs=1e-9)
    fewest = min(len(set(clusters.tolist())), len(set(labels.tolist())))
    assert -1e-12 <= bits <= np.log2(fewest) + 1e-9
    assert _bits(labels, clusters) == pytest.approx(bits, abs=1e-9)


@given(_PAIRS, st.permutations(range(6)), st.permutations(range(4)), st.integers(0, 2**16))
def test_neither_names_nor_order_matter(
    pairs: list[tuple[int, int]], names: list[int], classes: list[int], seed: int
) -> None:
    clusters, labels = np.array(pairs).T
    order = np.random.default_rng(seed).permutation(len(pairs))
    renamed = np.array(names)[clusters] + 7
    relabelled = np.array(classes)[labels]
    expected = _bits(clusters, labels)
    assert _bits(renamed[order], relabelled[order]) == pytest.approx(expected, abs=1e-9)


@given(_PAIRS, st.integers(0, 2**16))
def test_a_weighting_is_the_samples_so_often(pairs: list[tuple[int, int]], seed: int) -> None:
    clusters, labels = np.array(pairs).T
    drawn = np.random.default_rng(seed).integers(len(pairs), size=len(pairs))
    weights = np.bincount(drawn, minlength=len(pairs))[None] / len(pairs)
    found = ClusterInformation(np.eye(6)[clusters], labels).bits(weights)
    assert found[0] == pytest.approx(_bits(clusters[drawn], labels[drawn]), abs=1e-9)


@pytest.mark.parametrize(
    ("num_clusters", "num_classes", "num_samples"), [(9, 3, 1000), (30, 10, 2000)]
)
def test_the_bias_under_permuted_labels_is_as_documented(
    num_clusters: int, num_classes: int, num_samples: int, rng: np.random.Generator
) -> None:
    clusters = rng.integers(num_clusters, size=num_samples)
    labels = np.arange(num_samples) % num_classes
    found = [_bits(clusters, rng.permutation(labels)) for _ in range(100)]
    bias = (num_clusters - 1) * (num_classes - 1) / (2 * num_samples * np.log(2))
    assert np.mean(found) == pytest.approx(bias, rel=0.12)


def _channel(spread: float, rng: np.random.Generator) -> tuple[float, np.ndarray, np.ndarray]:
    """30 clusters, 10 classes: the true information, and a thousand samples."""
    joint = rng.dirichlet(np.full(10, spread), size=30) / 30
    drawn = rng.choice(300, size=1000, p=joint.ravel())
    return float(information_bits(joint)), drawn // 10, drawn % 10


@pytest.mark.parametrize("spread", [50, 1, 0.1, 0.02])
def test_chance_is_taken_off_whatever_the_information(
    spread: float, rng: np.random.Generator
) -> None:
    channels = [_channel(spread, rng) for _ in range(10)]
    errors = [
        _corrected(np.eye(30)[clusters], labels) - true for true, clusters, labels in channels
    ]
    assert np.mean(errors) == pytest.approx(0, abs=0.04)


def test_beyond_chance_there_is_nothing_or_all(rng: np.random.Generator) -> None:
    labels = np.arange(1000) % 10
    independent = np.eye(200)[rng.integers(200, size=1000)]
    assert _corrected(independent, labels) == pytest.approx(0, abs=0.05)
    assert _corrected(np.eye(10)[labels], labels) == pytest.approx(np.log2(10))
    assert _corrected(np.eye(1000), labels) == 0  # each sample its own cluster
    assert _corrected(np.eye(2)[[0, 1, 0]], np.zeros(3, int)) == 0
    soft = rng.dirichlet(np.ones(30), size=1000)
    assert _corrected(soft, labels) == pytest.approx(0, abs=0.05)
