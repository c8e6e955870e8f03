"""The points of a run: what each of them is after the final training."""

from types import SimpleNamespace

import pytest

from prune_mi.delivery.frontier import points_of
from prune_mi.delivery.trainings import Finalists
from prune_mi.records import Cost
from prune_mi.search.candidate import Trained
from tests.candidates import trained

pytestmark = pytest.mark.slow


def _model(name: str, macs: int, quality: float) -> Trained:
    lineage = () if name == "reference" else ("removal",)
    return trained(name, quality, cost=Cost(macs, macs, 1), lineage=lineage)


def test_what_missed_the_drop_stays_as_it_came_out_of_the_final_training() -> None:
    start, kept, before = (
        _model("reference", 100, 0.95),
        _model("g1c5", 67, 0.917),
        _model("g1c8", 34, 0.844),
    )
    evolved = SimpleNamespace(frontier=(start, kept, before))
    after = _model("g1c8", 34, 0.92)
    found = points_of(evolved, start, Finalists(kept, missed=after))  # type: ignore[arg-type]
    assert found == (start, after, kept)  # the result is listed, though another one is better
    again = points_of(evolved, start, Finalists(kept))  # type: ignore[arg-type]
    assert again == (start, kept, before)
