import pytest

from prune_mi.search.termination import SearchState, StoppingRules

RULES = StoppingRules(generations=5, patience=3, min_seconds=60.0)
NOTHING_LEFT = "no unit is left whose removal would be new and would save anything"
ALL_MADE = "all 5 generations were made"
FLAT = "3 generations in a row accepted no child"
NO_TIME = "the budget leaves no time for another generation"


@pytest.mark.parametrize(
    ("generation", "flat", "proposals", "seconds", "reason"),
    [
        (1, 0, 8, None, None),
        (4, 2, 1, 60.0, None),
        (1, 0, 0, None, NOTHING_LEFT),
        (5, 0, 8, None, ALL_MADE),
        (6, 0, 8, None, ALL_MADE),
        (3, 3, 8, None, FLAT),
        (4, 4, 8, None, FLAT),
        (1, 0, 8, 59.9, NO_TIME),
        (1, 0, 8, 0.0, NO_TIME),
        # The first rule that holds names the reason.
        (5, 3, 0, 0.0, NOTHING_LEFT),
        (5, 3, 8, 0.0, ALL_MADE),
        (4, 3, 8, 0.0, FLAT),
    ],
)
def test_every_rule_says_why(
    generation: int, flat: int, proposals: int, seconds: float | None, reason: str | None
) -> None:
    assert RULES.reason(SearchState(generation, flat, proposals, seconds)) == reason
