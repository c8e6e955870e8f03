import numpy as np
import pytest

from prune_mi.data.dataset import integer_labels, label_notes
from prune_mi.errors import DataError


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2, 0, 1]),
        np.array([2, 0, 1], dtype=np.uint8),
        np.array([2.0, 0.0, 1.0]),
        np.array([[2], [0], [1]]),
        np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=np.float32),
        np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], dtype=bool),
    ],
)
def test_every_usual_form_becomes_integers(labels: np.ndarray) -> None:
    integers = integer_labels(labels, where="y")
    assert integers.dtype == np.int64
    assert integers.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("labels", "integers"),
    [
        (np.array([-1.0, 1.0, -1.0]), [0, 1, 0]),
        (np.array([[-1], [1]]), [0, 1]),
        (np.array([-1]), [0]),
        (np.array([[[1]], [[0]]]), [1, 0]),
        (np.array([True, False]), [1, 0]),
        (np.array([1, 1]), [1, 1]),
        (np.array([-1, 0, 1]), [-1, 0, 1]),
    ],
)
def test_labels_of_two_classes(labels: np.ndarray, integers: list[int]) -> None:
    assert integer_labels(labels, where="y").tolist() == integers


def test_signs_are_told() -> None:
    told = label_notes([np.array([0, 1]), np.array([-1.0, 1.0])])
    assert told == ("The labels -1 and 1 are two classes: -1 is class 0, 1 is class 1.",)
    assert label_notes([np.array([0, 1]), np.array([-2, 1])]) == ()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0.0, 1.5]), r"y holds non-integer labels, first 1\.5 in row 1; expected whole"),
        (np.array([0.0, np.nan]), r"non-integer labels, first nan in row 1"),
        (np.array(["cat"]), r"y holds <U3 values; expected integer class labels: replace"),
        (np.array([[1, 0], [1, 1]]), r"shape \(2, 2\), but row 1 is not one-hot; expected"),
        (np.array([[0.3, 0.7]]), r"row 0 is not one-hot.*probabilities, pass the number of the"),
        (np.array([[0, 1], [1, 1]]), r"Several classes, or none, .* are multi-label classif"),
        (np.array([[0.3, -4.7]]), r"row 0 is not one-hot.*numbers for each sample are regression"),
        (np.array([0.25, 0.5]), r"Predicting numbers is regression"),
        (np.zeros((2, 2, 2)), r"has the shape \(2, 2, 2\); expected one label an image"),
        (np.zeros((2, 4, 4, 1)), r"A class for each pixel is segmentation"),
    ],
)
def test_other_labels_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        integer_labels(labels, where="y")
