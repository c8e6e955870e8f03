"""The archive keeps what no other is as good and as cheap as."""

from prune_mi.records import Cost
from prune_mi.search.archive import Archive
from prune_mi.search.candidate import Trained
from tests.candidates import trained


def _network(name: str, quality: float, macs: int, num_params: int) -> Trained:
    return trained(name, quality, cost=Cost(num_params, macs, 9))


START = _network("reference", 0.9, 1000, 100)


def _names(archive: Archive) -> list[str]:
    return [each.name for each in archive.points()]


def test_cheaper_or_better_is_kept_and_the_best_comes_first() -> None:
    archive = Archive(START)
    archive.add(
        [
            _network("fewer macs", 0.88, 500, 100),
            _network("fewer params", 0.87, 600, 50),
            _network("worse", 0.86, 500, 100),
        ]
    )
    assert _names(archive) == ["reference", "fewer macs", "fewer params"]


def test_what_beats_the_start_takes_its_place() -> None:
    archive = Archive(START)
    archive.add([_network("better", 0.91, 900, 100)])
    assert _names(archive) == ["better"]


def test_a_network_that_is_trained_on_takes_its_own_place() -> None:
    archive = Archive(START)
    archive.add([_network("a", 0.8, 500, 50), _network("b", 0.82, 600, 50)])
    archive.add([_network("a", 0.85, 500, 50)])
    assert _names(archive) == ["reference", "a"]
    assert archive.points()[1].quality == 0.85
