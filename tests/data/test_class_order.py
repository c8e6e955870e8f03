"""The orders that people and programs sort classes in, and data brought to one of them."""

import numpy as np
import pytest

from prune_mi.data import ClassOrder, Dataset, other_orders, reordered


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
