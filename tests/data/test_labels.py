import numpy as np
import pytest

from prune_mi.data.labels import (
    LabelForm,
    as_form,
    integer_labels,
    label_notes,
    labels_of_splits,
)
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


@pytest.mark.parametrize(
    "stored",
    [
        np.array([[0, 1, 1], [0, 0, 0]]),
        np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
        np.array([[False, True, True], [False, False, False]]),
        np.array([[-1, 1, 1], [-1, -1, -1]]),
    ],
)
def test_flags_become_zeros_and_ones(stored: np.ndarray) -> None:
    flags = as_form(stored, "flags", where="y")
    assert flags.dtype == np.uint8
    assert flags.tolist() == [[0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("stored", [np.array([1, 2.5]), np.array([[1], [2.5]], np.float32)])
def test_numbers_become_columns(stored: np.ndarray) -> None:
    numbers = as_form(stored, "numbers", where="y")
    assert numbers.dtype == np.float32
    assert numbers.tolist() == [[1.0], [2.5]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, bool])
def test_masks_have_the_smallest_type(dtype: type) -> None:
    classes = np.array([[[0, 1], [1, 0]], [[1, 1], [0, 0]]])
    one_hot = np.eye(2)[classes]
    for stored in (classes, classes[..., None], one_hot):
        masks = as_form(stored.astype(dtype), "masks", where="y")
        assert masks.dtype == np.uint8
        np.testing.assert_array_equal(masks, classes)
    many = np.full((1, 2, 2), 300)
    assert as_form(many, "masks", where="y").dtype == np.int32


def test_no_labels_are_zeros() -> None:
    assert as_form(np.ones((3, 2)), "none", where="y").tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("labels", "form", "message"),
    [
        (np.array([[0, 1], [0, 2]]), "flags", r"y holds 2 in row 1; expected rows of 0 and 1"),
        (np.array([0, 3]), "flags", r"holds 3 in row 1.*Numbers of classes must become one column"),
        (np.array([[0.0, np.nan]]), "flags", r"y holds nan in row 0"),
        (np.zeros((2, 2, 2)), "flags", r"y has the shape \(2, 2, 2\); expected rows"),
        (np.array(["cat"]), "flags", r"y holds <U3 values; expected rows"),
        (np.array([[1, np.inf]]), "numbers", r"y holds \[1\.0, inf\] in row 0; expected finite"),
        (np.array([1e300]), "numbers", r"in row 0; expected finite"),
        (np.zeros((2, 2, 2)), "numbers", r"y has the shape \(2, 2, 2\); expected numbers"),
        (np.array(["cat"]), "numbers", r"y holds <U3 values; expected numbers"),
        (np.array([1, 2]), "masks", r"\(2,\); expected masks.*One label for each image is classif"),
        (np.full((2, 2, 2), 0.5), "masks", r"numbers in mask 0 that are not whole"),
        (np.full((2, 2, 2), -1), "masks", r"y holds -1 in mask 0.*renumber the classes"),
        (np.zeros((2, 2, 2, 3)), "masks", r"mask 0 is not one-hot; expected masks"),
        (np.zeros((2, 2, 2), object), "masks", r"y holds object values; expected masks"),
    ],
)
def test_labels_of_another_form_are_refused(
    labels: np.ndarray, form: LabelForm, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        as_form(labels, form, where="y")


def test_black_and_white_masks_are_two_classes() -> None:
    white, black = np.full((1, 2, 2), 255, np.uint8), np.zeros((1, 2, 2), np.uint8)
    masks, notes = labels_of_splits({"train": white, "test": black}, "masks", source="x")
    assert (masks["train"] == 1).all() and (masks["test"] == 0).all()
    assert notes == ("The masks hold only 0 and 255: 0 is class 0, 255 is class 1.",)
    other = {"train": white, "test": np.full((1, 2, 2), 7, np.uint8)}
    masks, notes = labels_of_splits(other, "masks", source="x")
    assert (masks["train"] == 255).all() and not notes
    masks, notes = labels_of_splits({"train": black, "test": black}, "masks", source="x")
    assert not masks["train"].any() and not notes
