import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.graph.channels.meetings import Meetings


@given(
    count=st.integers(1, 12),
    pairs=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20),
    asks_after=st.sets(st.integers(0, 19)),
)
def test_roots_are_those_that_colouring_finds(
    count: int, pairs: list[tuple[int, int]], asks_after: set[int]
) -> None:
    colour = list(range(count))
    meetings = Meetings()
    meetings.fresh(count)
    for place, (a, b) in enumerate((a % count, b % count) for a, b in pairs):
        least, most = sorted((colour[a], colour[b]))
        colour = [least if each == most else each for each in colour]
        meetings.unite(np.array([a]), np.array([b]))
        if place in asks_after:
            assert meetings.roots(np.array([a, b])).tolist() == [least, least]
    assert meetings.all_roots().tolist() == colour


def test_numbers_given_out_after_a_question() -> None:
    meetings = Meetings(np.array([0, 0, 2]))
    meetings.unite(meetings.fresh(2), np.array([2, 1]))
    assert meetings.all_roots().tolist() == [0, 0, 2, 2, 0]


def test_one_that_stands_alone_meets_all() -> None:
    meetings = Meetings()
    table = meetings.fresh(6).reshape(2, 3)
    meetings.unite(table[:, :1], table)
    assert meetings.all_roots().tolist() == [0, 0, 0, 3, 3, 3]
    with pytest.raises(ValueError, match="broadcast"):
        meetings.unite(np.arange(6), np.arange(5))


def test_of_what_is_one_already_the_first_reason_counts() -> None:
    meetings = Meetings()
    ones, others = meetings.fresh(3), meetings.fresh(3)
    meetings.unite(ones, others)
    meetings.pin(others[1:], "first")
    meetings.pin(ones, "second")
    assert meetings.reasons() == {0: "second", 1: "first", 2: "first"}


def test_of_what_meets_later_the_last_reason_counts() -> None:
    meetings = Meetings()
    ones, others = meetings.fresh(2), meetings.fresh(2)
    meetings.pin(others, "first")
    meetings.pin(ones[:1], "second")
    meetings.unite(ones, others)
    assert meetings.reasons() == {0: "second", 1: "first"}
