import pytest

from prune_mi.search.termination import SearchState, StoppingRules

RULES = StoppingRules(generations=5, patience=3)
NOTHING_LEFT = "no unit is left whose removal would be new and would save anything"
ALL_MADE = "all 5 generations were made"
FLAT = "3 generations in a row accepted no child"
NO_TIME = "the rest of the budget is kept for the final training"


@pytest.mark.parametrize(
    ("generation", "flat", "proposals", "has_time", "reason"),
    [
        (1, 0, 8, True, None),
        (4, 2, 1, True, None),
        (1, 0, 0, True, NOTHING_LEFT),
        (5, 0, 8, True, ALL_MADE),
        (6, 0, 8, True, ALL_MADE),
        (3, 3, 8, True, FLAT),
        (4, 4, 8, True, FLAT),
        (1, 0, 8, False, NO_TIME),
        # The first rule that holds names the reason.
        (5, 3, 0, False, NOTHING_LEFT),
        (5, 3, 8, False, ALL_MADE),
        (4, 3, 8, False, FLAT),
    ],
)
def test_every_rule_says_why(
    generation: int, flat: int, proposals: int, has_time: bool, reason: str | None
) -> None:
    assert RULES.reason(SearchState(generation, flat, proposals, has_time)) == reason
