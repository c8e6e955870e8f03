"""The orders that people and programs sort classes in, and data brought to one of them."""

from dataclasses import replace

import numpy as np
import pytest

from prune_mi.data import ClassOrder, Dataset, other_orders, reordered
from prune_mi.data.class_order import in_given_order
from prune_mi.errors import DataError

LABELS = np.array([0, 1, 2, 1])


def _data(names: tuple[str, ...], *, known: bool = False, num_classes: int = 0) -> Dataset:
    labels = np.arange(num_classes or len(names))
    images = np.zeros((len(labels), 2, 2, 1), np.uint8)
    return Dataset(
        images, labels, images, labels[::-1], images, labels, names, "made", (), order_known=known
    )


def _sorted_names(names: list[str]) -> list[list[str]]:
    return [
        [sorted(names)[place] for place in order.places]
        for order in other_orders(_data(tuple(sorted(names))))
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([str(each) for each in range(12)], [[str(each) for each in range(12)]]),
        (["01", "02", "10"], []),
        (["cat", "dog"], []),
        (["class_10", "class_2", "class_1"], [["class_1", "class_2", "class_10"]]),
        (["10 km", "5 km"], [["5 km", "10 km"]]),
        (["Zebra", "ant"], [["ant", "Zebra"]]),
        (["-1", "-2", "0"], [["-2", "-1", "0"]]),
        (
            ["B10", "B9", "a10", "a9"],
            [["B9", "B10", "a9", "a10"], ["a10", "a9", "B10", "B9"], ["a9", "a10", "B9", "B10"]],
        ),
    ],
)
def test_other_orders_are_those_that_people_sort_in(
    names: list[str], expected: list[list[str]]
) -> None:
    assert _sorted_names(names) == expected


def test_classes_without_names_may_be_sorted_as_strings() -> None:
    (order,) = other_orders(_data((), num_classes=12))
    assert order.places == (0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9)
    assert other_orders(_data((), num_classes=10)) == ()


def test_a_known_order_has_no_others() -> None:
    assert other_orders(_data(("1", "10", "2"), known=True)) == ()


def test_labels_and_names_change_alike() -> None:
    data = _data(("1", "10", "2"))
    (order,) = other_orders(data)
    assert order.name == "sorted as numbers"
    changed = reordered(data, order)
    assert changed.class_names == ("1", "2", "10")
    for before, after in zip(data.splits(), changed.splits(), strict=True):
        old = [data.class_names[label] for label in before[2]]
        assert [changed.class_names[label] for label in after[2]] == old
    assert changed.order_known
    assert reordered(data, ClassOrder("same", (0, 1, 2))) is data


def _labelled(names: tuple[str, ...], labels: np.ndarray = LABELS) -> Dataset:
    images = np.zeros((len(labels), 2, 2, 1), np.uint8)
    return Dataset(images, labels, images, labels, None, None, names, "made", (), order_known=False)


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (("cat", "dog", "owl"), ("owl", "cat", "dog"), ("owl", "cat", "dog")),
        (("cat", "dog", "owl"), ("2", "0", "1"), ("owl", "cat", "dog")),
        (("01", "02", "10"), ("10", "1", "2"), ("10", "01", "02")),
        (("0", "1", "2"), ("2", "1", "0"), ("2", "1", "0")),
        (("4", "5", "6"), ("6", "4", "5"), ("6", "4", "5")),
    ],
)
def test_named_classes(
    names: tuple[str, ...], given: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    changed = in_given_order(_labelled(names), given, num_classes=3)
    assert changed.class_names == expected
    assert [changed.class_names[label] for label in changed.y_train] == [
        names[label] for label in LABELS
    ]
    assert changed.order_known


def test_numbers_say_which_label_an_output_stands_for() -> None:
    changed = in_given_order(_labelled(()), ("1", "2", "0"), num_classes=3)
    assert changed.y_train.tolist() == [2, 0, 1, 0]
    assert changed.class_names == ("1", "2", "0")
    from_one = in_given_order(_labelled((), LABELS + 1), ("1", "2", "3"), num_classes=3)
    assert from_one.y_train.tolist() == LABELS.tolist()
    with_val = replace(_labelled(()), x_val=np.zeros((1, 2, 2, 1), np.uint8), y_val=np.array([1]))
    changed = in_given_order(with_val, ("1", "2", "0"), num_classes=3)
    assert changed.y_val is not None and changed.y_val.tolist() == [0]


def test_labels_without_names_are_given_some() -> None:
    changed = in_given_order(_labelled(()), ("owl", "cat", "dog"), num_classes=3)
    assert changed.class_names == ("owl", "cat", "dog")
    assert changed.y_train.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        (
            ("cat", "dog", "owl"),
            ("cat", "dog"),
            r"2 classes were given \('cat', 'dog'\), but the m",
        ),
        (
            ("cat", "dog", "owl"),
            ("cat", "dog", "fox"),
            r"'fox' is no class of made, and 'owl' of made is not given; expected, in the order of "
            "the model's outputs, 'cat', 'dog', 'owl'",
        ),
        (("1", "01", "2"), ("1", "2", "3"), r"'3' is no class of made, and '01' of made is not"),
        (("cat", "dog", "owl"), ("0", "1", "3"), r"'3' is no class"),
        ((), ("0", "1", "3"), r"train split of made hold 2, which the classes given"),
        ((), ("0", "1", "9" * 30), r"train split of made hold 2"),
    ],
)
def test_what_does_not_fit_is_named(
    names: tuple[str, ...], given: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        in_given_order(_labelled(names), given, num_classes=3)
