"""How many images a lineage may see."""

import math

from hypothesis import given
from hypothesis import strategies as st

from prune_mi.evolution.lineage_images import LineageImages
from tests.candidates import screened


def test_without_a_bound_as_many_as_are_wanted() -> None:
    free = LineageImages(None, 64)
    child = screened("a", 0.8, images_trained=10**9)
    assert free.of_child(child, 100) == 100
    assert free.of_final(child, math.inf) == math.inf
    assert free.of_control(100) == 100


def test_of_none_nothing_is_trained() -> None:
    none, child = LineageImages(0, 64), screened("a", 0.8)
    assert none.of_child(child, 1000) == none.of_final(child, 1000) == none.of_control(1000) == 0


def test_a_final_training_is_as_long_as_was_asked_for() -> None:
    child = screened("a", 0.8, images_trained=900)
    assert LineageImages(100_000, 64).of_final(child, 5000) == 99_072
    assert LineageImages(100_000, 64, final_asked=True).of_final(child, 5000) == 4992


@given(st.integers(0, 10**6), st.integers(1, 256), st.lists(st.integers(1, 10**5), max_size=6))
def test_a_lineage_never_sees_more_than_it_may(most: int, batch: int, wanted: list[int]) -> None:
    bound, seen = LineageImages(most, batch), 0
    for each in wanted:
        images = bound.of_child(screened("a", 0.8, images_trained=seen), each)
        assert 0 <= images <= each and images % batch == 0
        seen += images
    assert seen <= most / 2
    last = bound.of_final(screened("a", 0.8, images_trained=seen), 10)
    assert most - batch < seen + last <= most
