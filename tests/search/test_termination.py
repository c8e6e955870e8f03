from dataclasses import replace

import pytest

from prune_mi.search.termination import SearchState, StoppingRules

RULES = StoppingRules(generations=5, patience=3)
NOTHING_LEFT = "no removal is left that would be new and save cost"
ALL_MADE = "all 5 generations were made"
FLAT = "3 generations in a row accepted no child"
NO_TIME = "the rest of the budget is kept for the final training"
UNDER_WAY = SearchState(
    generation=2,
    flat_generations=1,
    proposals=8,
    has_time=True,
    elite_accuracy=0.8,
    structure_age=1,
)


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
    state = SearchState(
        generation, flat, proposals, has_time, elite_accuracy=1.0, structure_age=generation
    )
    assert RULES.reason(state) == reason


@pytest.mark.parametrize(
    ("rules", "holds", "reason"),
    [
        (
            StoppingRules(None, None, nothing_left="none is left"),
            replace(UNDER_WAY, proposals=0),
            "none is left",
        ),
        (StoppingRules(3, None), replace(UNDER_WAY, generation=3), "all 3 generations were made"),
        (
            StoppingRules(None, 2),
            replace(UNDER_WAY, flat_generations=2),
            "2 generations in a row accepted no child",
        ),
        (StoppingRules(None, None), replace(UNDER_WAY, has_time=False), NO_TIME),
        (
            StoppingRules(None, None, target=0.85),
            replace(UNDER_WAY, elite_accuracy=0.85),
            "the accuracy 0.8500 has reached the target 0.8500",
        ),
        (
            StoppingRules(None, None, same_structure=2),
            replace(UNDER_WAY, structure_age=2),
            "the best structure stayed the same for 2 generations",
        ),
    ],
)
def test_a_rule_alone(rules: StoppingRules, holds: SearchState, reason: str) -> None:
    assert rules.reason(UNDER_WAY) is None
    assert rules.reason(holds) == reason


def test_reasons_of_one_generation() -> None:
    assert StoppingRules(1, None).reason(UNDER_WAY) == "the one generation was made"
    flat = StoppingRules(None, patience=1).reason(replace(UNDER_WAY, flat_generations=1))
    assert flat == "a generation accepted no child"
    expected = "the best structure stayed the same for a generation"
    assert StoppingRules(None, None, same_structure=1).reason(UNDER_WAY) == expected


def test_time_goes_before_the_target_and_that_before_the_structure() -> None:
    rules = StoppingRules(None, None, target=0.5, same_structure=1)
    assert rules.reason(replace(UNDER_WAY, has_time=False)) == NO_TIME
    assert "has reached the target" in str(rules.reason(UNDER_WAY))
