"""The table of a ranking fits its console without cutting names."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from prune_mi.errors import ConfigError
from prune_mi.records import Cost, Ranking, RankingRow
from prune_mi.report.ranking import print_ranking, require_plottable

NAMES = ("batch_normalization_117", "conv2d_3", "add_26/branch")
RANKING = Ranking(
    model="model.h5",
    data="cifar10",
    criterion="bypass",
    measure="bit",
    num_samples=1000,
    least=1,
    total=Cost(80_000, 12_500_000, 30),
    units=tuple(
        RankingRow(
            name=name,
            kind="run",
            layers=(name,),
            information_bits=1.25,
            information_low=1.0,
            information_high=1.5,
            score=0.5 + place,
            score_low=0.25,
            score_high=0.75,
            probability_least=0.5,
            rank=place,
            macs=2_359_296,
            num_params=2_384,
        )
        for place, name in enumerate(NAMES)
    ),
    seconds=3.4,
    seed=0,
    notes=(),
)


def _printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_ranking(RANKING, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_names_and_ranks_are_whole_whatever_the_width(width: int) -> None:
    lines = _printed(width).splitlines()
    assert lines[0].split()[:2] == ["unit", "rank"]
    for place, name in enumerate(NAMES):
        assert lines[1 + place].split()[:2] == [name, str(place)]
    assert max(len(line) for line in lines) <= width
    assert "…" not in "".join(lines)


def test_a_wide_console_has_everything_and_a_narrow_one_says_what_it_has_not() -> None:
    wide, narrow = (" ".join(_printed(width).split()) for width in (200, 80))
    for told in ("+0.2500 to +0.7500", "1.00 to 1.50", "18.9%", "2.36 M", "50%"):
        assert told in wide
    assert "too narrow" not in wide
    assert "1.00 to 1.50" not in narrow
    assert "its 95 % interval. --json prints everything." in narrow
    assert "+0.5000" in narrow and "Lowest scores: batch_normalization_117." in narrow


@pytest.mark.parametrize(
    ("measure", "heading"),
    [
        ("bit", "score (bits)"),
        ("accuracy", "score (accuracy)"),
        ("share", "score (share)"),
        ("score", "score"),
    ],
)
def test_the_heading_tells_the_measure_of_the_scores(measure: str, heading: str) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    print_ranking(dataclasses.replace(RANKING, measure=measure), console)
    assert isinstance(console.file, io.StringIO)
    words = " ".join(console.file.getvalue().splitlines()[0].split())
    assert words.startswith(f"unit rank {heading} params")


def test_a_plot_needs_its_folder(tmp_path: Path) -> None:
    require_plottable(tmp_path / "gains.svg")
    with pytest.raises(
        ConfigError, match=r"the folder of .*gains.svg does not exist; make it first: .*nowhere"
    ):
        require_plottable(tmp_path / "nowhere" / "gains.svg")
