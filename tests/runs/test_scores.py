"""What samples score, as events hold it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from prune_mi.runs.weights import scores_of, scores_text


@given(
    st.one_of(
        arrays.arrays(bool, st.integers(1, 40)),
        arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32)),
    )
)
def test_they_are_read_back_as_they_were(scores: np.ndarray) -> None:
    found = scores_of(scores_text(scores))
    assert found.dtype == scores.dtype
    np.testing.assert_array_equal(found, scores)


@pytest.mark.parametrize(
    ("scores", "text"),
    [(np.array([True, False, True]), "3:oA=="), (np.array([1.0], np.float32), "1f:AACAPw==")],
)
def test_runs_of_today_are_read_tomorrow(scores: np.ndarray, text: str) -> None:
    assert scores_text(scores) == text
