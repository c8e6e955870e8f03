"""What `prune-mi predict` prints: names stay whole, whatever the width."""

import io

import pytest
from rich.console import Console

from prune_mi.records import ImagePrediction, Predictions
from prune_mi.report.short_reports import print_predictions

LONG = f"holidays/{'2024-07-' * 9}the bird at the lake.jpeg"
LONG_CLASS = "great crested grebe in winter plumage"
SHORT = ImagePrediction("a.png", "cat", 0.996, "dog", 0.001)
LONGER = ImagePrediction(LONG, LONG_CLASS, 0.5, f"not a {LONG_CLASS}", 0.25)


def _printed(*images: ImagePrediction, width: int, terminal: bool) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, color_system=None)
    notes = ("There is no classes.json beside the model, so its classes are numbered.",)
    print_predictions(Predictions("m.keras", "classification", "none", images, (), notes), console)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_an_image_where_there_is_room(terminal: bool) -> None:
    again = ImagePrediction("b/grey.png", "猫", 0.08, "dog", 0.07)
    assert _printed(SHORT, again, width=80, terminal=terminal)[:3] == [
        "image       class  probability  next best",
        "a.png       cat          99.6%  dog 0.1%",
        "b/grey.png  猫            8.0%  dog 7.0%",  # as wide as two letters
    ]


@pytest.mark.parametrize("width", [40, 80])
def test_a_file_gets_a_line_an_image_however_long(width: int) -> None:
    lines = _printed(SHORT, LONGER, width=width, terminal=False)
    assert lines[0].startswith("image  ") and lines[0].endswith("probability  next best")
    assert lines[1].startswith("a.png  ") and lines[1].endswith("  dog 0.1%")
    assert lines[2].startswith(f"{LONG}  {LONG_CLASS}  ")
    assert lines[2].endswith(f"50.0%  not a {LONG_CLASS} 25.0%")


@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_gets_two_lines_an_image(width: int) -> None:
    assert _printed(SHORT, LONGER, width=width, terminal=True)[:4] == [
        "a.png",
        "  cat 99.6%, next best dog 0.1%",
        LONG,
        f"  {LONG_CLASS} 50.0%, next best not a {LONG_CLASS} 25.0%",
    ]


def test_terminal_escapes_in_names_are_not_passed_on() -> None:
    sly = ImagePrediction("a\x1b[31m.png", "ca\nt", 0.9, "[bold]dog", 0.1)
    assert _printed(sly, width=80, terminal=False)[1] == (
        "a?[31m.png  ca t         90.0%  [bold]dog 10.0%"
    )
