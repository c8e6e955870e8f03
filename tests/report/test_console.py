"""The live display, and the plain lines that a log gets instead."""

import dataclasses
import io
import re
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from prune_mi.records import ChildRecord, Cost, MorphRecord, Observer, SilentObserver
from prune_mi.records.events import GenerationBegan, Referenced
from prune_mi.report.console import LiveConsole, open_observer
from tests.told import of_child, started

MakeChild = Callable[..., ChildRecord]
REFERENCE_COST = Cost(num_params=78_666, macs=12_501_632, num_layers=34)


class Clock:
    """A clock that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def make_display(*, live: bool) -> tuple[LiveConsole, Clock, io.StringIO]:
    stream, clock = io.StringIO(), Clock()
    console = Console(file=stream, width=80, height=30, force_terminal=live, color_system=None)
    return LiveConsole(console, live=live, clock=clock), clock, stream


def tell(display: LiveConsole, child: ChildRecord) -> None:
    for event in of_child(child):
        display.happened(event)


def began(index: int, total: int | None, parent: str) -> GenerationBegan:
    return GenerationBegan(index, total, parent, None)


REFERENCED = Referenced(REFERENCE_COST, 0.8752)


def test_plain_lines(make_child: MakeChild) -> None:
    display, clock, stream = make_display(live=False)
    with display:
        display.time_left(1500)
        display.phase("Ranking")
        clock.now_s += 65
        display.note("No validation images were given: half of the test images\nselect.")
        display.happened(REFERENCED)
        display.happened(began(1, 5, "reference"))
        tell(display, make_child())
        tell(display, make_child("g1c4", trained_quality=None, verdict="not trained"))
        clock.now_s += 3600
        tell(
            display,
            make_child("g1c5", trained_quality=None, verdict="failed", detail="out of memory"),
        )
    assert stream.getvalue().splitlines() == [
        "00:00  Ranking",
        "01:05  note: No validation images were given: half of the test images select.",
        "01:05  generation 1/5 from reference, 23:55 left",
        "01:05  g1c3  -branch add_4 +dropout relu_3  screened 0.871  macs 0.81x  ",
        "01:05  g1c3  -branch add_4 +dropout relu_3  screened 0.871  trained 0.902  macs 0.81x  ",
        "01:05  g1c3  -branch add_4 +dropout relu_3  screened 0.871  trained 0.902  "
        "macs 0.81x  accepted",
        "01:05  g1c4  -branch add_4 +dropout relu_3  screened 0.871  macs 0.81x  ",
        "01:05  g1c4  -branch add_4 +dropout relu_3  screened 0.871  macs 0.81x  not trained",
        "61:05  g1c5  -branch add_4 +dropout relu_3  screened 0.871  macs 0.81x  ",
        "61:05  g1c5  -branch add_4 +dropout relu_3  screened 0.871  macs 0.81x  "
        "failed: out of memory",
    ]


def test_the_elapsed_time_counts_from_when_the_command_began() -> None:
    stream, clock = io.StringIO(), Clock()
    console = Console(file=stream, width=80, force_terminal=False)
    for live, told in ((False, "00:07  Searching"), (True, "00:07 elapsed")):
        display = LiveConsole(console, live=live, clock=clock, began=clock.now_s - 7)
        with display:
            display.phase("Searching")
        console.print(display)
        assert told in stream.getvalue()


def test_without_a_reference_costs_are_shown_in_full(make_child: MakeChild) -> None:
    display, _, stream = make_display(live=False)
    tell(display, make_child())
    assert "macs 10.1 M  accepted" in stream.getvalue()


def test_plain_training_is_told_at_most_every_15_s_a_name() -> None:
    display, clock, stream = make_display(live=False)
    for second in range(0, 41):
        clock.now_s = 100.0 + second
        display.training("g1c1", second * 100, 4000)
        if second >= 10:
            display.training("g1c2", second * 10, 400)
    lines = stream.getvalue().splitlines()
    assert [line[:11] for line in lines] == [
        "00:15  g1c1",
        "00:25  g1c2",
        "00:30  g1c1",
        "00:40  g1c2",
    ]
    assert lines[0] == "00:15  g1c1  training 1,500 of 4,000 images (38%)"


def area(display: LiveConsole) -> str:
    """What the live area would show now."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(display)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 80
    return text


@pytest.mark.parametrize("told", [True, False])
def test_the_live_area(make_child: MakeChild, told: bool) -> None:
    display, clock, _ = make_display(live=True)
    display.phase("Searching")
    display.time_left(1500)
    if told:
        display.happened(REFERENCED)
        assert "best so far: the reference, accuracy 0.875, macs 12.5 M" in area(display)
    display.happened(began(2, 5, "g1c1"))
    tell(display, make_child("g2c1"))
    tell(display, make_child("g2c2", macs=11_000_000))
    tell(display, make_child("g2c3", macs=1_000, verdict="over the allowed drop"))
    display.training("g2c4", 0, 20_000)
    display.training("g2c5", 500, 20_000)
    clock.now_s += 10
    display.training("g2c4", 5_000, 20_000)
    text = area(display)
    assert re.search(r"Searching +00:10 elapsed, 24:50 left", text)
    assert "generation 2/5 from g1c1: 3 screened, 3 trained, 2 accepted, last g2c3" in text
    compared = " (reference 0.875), macs 0.81x" if told else ", macs 10.1 M"
    assert f"best so far: g2c1, accuracy 0.902{compared}" in text
    assert re.search(r"g2c4 .* 5.00 k/20.0 k images 00:30", text)
    assert re.search(r"g2c5 .* 500/20.0 k images --:--", text)
    display.training("g2c4", 20_000, 20_000)
    tell(display, make_child("g2c5"))
    assert "images" not in area(display)
    display.time_left(None)
    assert "left" not in area(display)


@pytest.mark.parametrize(
    ("objective", "best"), [("macs", "g1c1"), ("params", "g1c2"), ("accuracy", "g1c3")]
)
def test_the_objective_decides_which_child_is_best(
    make_child: MakeChild, objective: str, best: str
) -> None:
    display = LiveConsole(Console(file=io.StringIO()), live=False)
    display.happened(started(objective=objective))
    tell(display, make_child("g1c1", macs=1))
    tell(display, make_child("g1c2", num_params=1))
    tell(display, make_child("g1c3", trained_quality=0.99))
    assert f"best so far: {best}," in area(display)
    display.happened(began(2, 5, "g1c2"))
    assert "best so far: g1c2," in area(display)


def test_who_looks_for_a_network_hears_of_each_once_in_everyday_words(
    make_child: MakeChild,
) -> None:
    stream = io.StringIO()
    display = LiveConsole(Console(file=stream, width=80), live=False, finds=True)
    display.happened(Referenced(Cost(178, 9_380, 7), 0.5134))
    assert "best so far: the start, 51.3 % right, 178 weights" in area(display)
    display.happened(began(1, 4, "reference"))
    tell(display, make_child(trained_quality=None, verdict="pending"))
    tell(display, make_child(verdict="pending"))
    assert "round 1 of 4 from the start: 1 trained, last g1c3" in area(display)
    tell(display, make_child(num_params=3_562))
    tell(display, make_child("g1base", morphs=(), verdict="not better"))
    tell(display, make_child("g1c5", trained_quality=None, verdict="failed", detail="no memory"))
    display.happened(began(2, 4, "g1c3"))
    assert [line[7:] for line in stream.getvalue().splitlines()] == [
        "round 1 of 4 from the start",
        "g1c3  2 changes  90.2 % right  3,562 weights  best so far",
        "g1base  unchanged, trained further  90.2 % right  61,002 weights  not better",
        "g1c5  2 changes  61,002 weights  failed: no memory",
        "round 2 of 4 from g1c3",
    ]
    told = "best so far: g1c3, 90.2 % right (the start: 51.3 %), 3,562 weights"
    assert told in area(display)


def test_another_metric_is_told_by_its_name(make_child: MakeChild) -> None:
    display, _, stream = make_display(live=False)
    display.happened(Referenced(Cost(178, 9_380, 7), 0.75, "mean absolute error", 20.0))
    assert "best so far: the reference, mean absolute error 5.000, macs" in area(display)
    display.happened(began(1, 4, "reference"))
    tell(display, make_child(screened_quality=0.8, trained_quality=0.9))
    assert "screened 4.000  trained 2.000" in stream.getvalue()
    assert "best so far: g1c3, mean absolute error 2.000 (reference 5.000)" in area(display)
    plain = LiveConsole(Console(file=io.StringIO(), width=80), live=False, finds=True)
    plain.happened(Referenced(Cost(178, 9_380, 7), 0.75, "R²"))
    assert "best so far: the start, R² 0.750, 178 weights" in area(plain)


def test_with_details_a_search_is_told_in_the_words_of_the_field(make_child: MakeChild) -> None:
    stream = io.StringIO()
    display = LiveConsole(Console(file=stream, width=80), live=False, finds=True, details=True)
    display.happened(Referenced(Cost(178, 9_380, 7), 0.5134))
    assert "best so far: the start, accuracy 0.513, 178 params" in area(display)
    display.happened(began(1, 4, "reference"))
    stream.truncate(stream.seek(0))
    tell(display, make_child(trained_quality=None, verdict="pending"))
    tell(display, make_child(verdict="pending"))
    assert "generation 1/4 from reference: 1 trained, last g1c3" in area(display)
    tell(display, make_child(num_params=3_562))
    tell(display, make_child("g1base", morphs=(), verdict="not better"))
    assert [line[7:] for line in stream.getvalue().splitlines()] == [
        "g1c3  -branch add_4 +dropout relu_3  accuracy 0.902  3,562 params  accepted",
        "g1base  unchanged, trained on  accuracy 0.902  61,002 params  not better",
    ]
    assert "best so far: g1c3, accuracy 0.902 (start 0.513), 3,562 params" in area(display)


def test_many_trainings_do_not_fill_the_screen() -> None:
    display, _, _ = make_display(live=True)
    for index in range(40):
        display.training(f"g1c{index}", 1, 100)
    assert "and 32 more" in area(display)
    assert len(area(display).splitlines()) <= 10


def test_long_child_lines_wrap_in_a_terminal_and_not_in_a_log(make_child: MakeChild) -> None:
    morphs = tuple(
        MorphRecord("remove-by-rank", f"branch add_{index}", (), "", effect="removes")
        for index in range(12)
    )
    for live in (True, False):
        display, _, stream = make_display(live=live)
        tell(display, make_child(morphs=morphs))
        lines = stream.getvalue().splitlines()
        assert " ".join(stream.getvalue().split()).count("-branch add_") == 3 * 12
        assert (len(lines) > 6 and max(map(len, lines)) <= 80) if live else len(lines) == 3
        assert lines[-1].endswith("accepted")


def test_lines_are_printed_above_the_live_area_and_stay(make_child: MakeChild) -> None:
    display, _, stream = make_display(live=True)
    with display:
        display.note("kept")
        display.training("g1c1", 1, 2)
    assert "note: kept\n" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # The area itself was erased at the end.


def test_terminal_escapes_in_names_are_not_passed_on(make_child: MakeChild) -> None:
    display, _, stream = make_display(live=False)
    child = make_child(
        morphs=(MorphRecord("remove-by-rank", "\x1b]0;x\x07[b]", (), "", effect="removes"),)
    )
    tell(display, dataclasses.replace(child, name="[red]g1"))
    assert "[red]g1  -?]0;x?[b]  " in stream.getvalue()


@pytest.mark.parametrize("live", [True, False])
def test_two_threads_may_report_at_once(make_child: MakeChild, live: bool) -> None:
    display, _, stream = make_display(live=live)

    def report(prefix: str) -> None:
        for index in range(200):
            display.training(f"{prefix}{index}", 1, 2)
            tell(display, make_child(f"{prefix}{index}"))

    with display:
        threads = [threading.Thread(target=report, args=(name,), daemon=True) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
            assert not thread.is_alive()
    assert stream.getvalue().count("accepted\n") == 400


def test_quiet_hears_everything_and_says_nothing() -> None:
    stream = io.StringIO()
    with open_observer(Console(file=stream), quiet=True) as observer:
        assert isinstance(observer, SilentObserver)
    with open_observer(Console(file=stream)) as observer:
        heard: Observer = observer
        heard.note("said")
    assert stream.getvalue() == "00:00  note: said\n"
