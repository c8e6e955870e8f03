"""Generations go on until a rule says stop."""

from dataclasses import dataclass

from prune_mi.records import ChildRecord, GenerationRecord
from prune_mi.search.loop import run_generations
from prune_mi.search.termination import MostGenerations, NothingToPropose, SearchState

CHILD = ChildRecord("g1c1", 1, "seed", (), 1, 1, 1, None, 0.5, 1, 1.0, "not better", "")


@dataclass
class Made:
    """Makes generations, the later ones without children."""

    fruitful: int
    count: int = 0

    def generation(self) -> GenerationRecord:
        self.count += 1
        children = (CHILD,) if self.count <= self.fruitful else ()
        return GenerationRecord(self.count, "seed", children, "seed")

    def state(self, record: GenerationRecord) -> SearchState:
        return SearchState(self.count, 0, len(record.children), True, 0.5, 0)


def test_it_stops_when_the_rule_holds_and_says_why() -> None:
    made = Made(fruitful=9)
    records, reason = run_generations(made.generation, made.state, MostGenerations(3))
    assert [each.index for each in records] == [1, 2, 3]
    assert reason == "all 3 generations were made"


def test_a_generation_without_children_is_not_kept() -> None:
    made = Made(fruitful=2)
    records, reason = run_generations(made.generation, made.state, NothingToPropose("none"))
    assert [each.index for each in records] == [1, 2]
    assert reason == "none"
