"""The progress of a run in a notebook: one table that is written anew in place."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from rich.text import Text

from prune_mi.records.events import Event, GenerationBegan, Proposed
from prune_mi.report.html import folded, list_html, pairs_html, text_html
from prune_mi.report.progress import (
    RunState,
    best_line,
    child_parts,
    generation_line,
    generation_title,
)
from prune_mi.report.wording import clock_text, count_text, printable

LEAST_SECONDS = 0.5
"""Between two updates of the bars."""

Show = Callable[[str], None]
"""Writes some HTML in place of what it wrote before."""


class NotebookProgress:
    """An `Observer` that shows a run's progress in a notebook; a context manager.

    A table has the part of the run, the clock, the generation and the best so far; bars show the
    trainings under way, and a list that is folded up has every line. It is left as it is in the
    end.

    Args:
        show: Writes HTML; None asks IPython, which is there in a notebook.
        finds: Whether a network is found and not made smaller.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        show: Show | None = None,
        *,
        finds: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show = show or _in_a_notebook()
        self._clock = clock
        self._state = RunState(clock(), finds=finds)
        self._lines: list[str] = []
        self._shown_s = -LEAST_SECONDS

    def __enter__(self) -> Self:
        """Shows the empty table."""
        self._update()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leaves the table without bars."""
        self._state.trainings.clear()
        self._state.deadline_s = None
        self._state.phase = "Ended" if error is None else "Stopped"
        self._update()

    def note(self, message: str) -> None:
        """Adds a decision that the user should know of."""
        self._add(f"note: {message}")

    def phase(self, title: str) -> None:
        """Shows the part of the run that begins."""
        self._state.phase = printable(title)
        self._state.trainings.clear()
        self._add(title)

    def happened(self, event: Event) -> None:
        """Adds a generation that begins, and what becomes of a child."""
        child = self._state.hear(event)
        if isinstance(event, GenerationBegan):
            self._add(generation_title(event.index, event.total, event.parent, self._state))
        elif child is not None and not isinstance(event, Proposed):
            self._add(Text("  ").join(child_parts(child, self._state)).plain)

    def recalled(self, told: Sequence[Event]) -> None:
        """Takes note of what happened before."""
        for event in told:
            self._state.hear(event)
        found = self._state.generations
        self._add(
            f"Going on behind {len(found.ended)} generations and {len(found.children)} children"
        )

    def training(self, name: str, images_done: int, images_total: int) -> None:
        """Moves a training's bar, now and then."""
        now = self._clock()
        self._state.hear_training(name, images_done, images_total, now)
        if now - self._shown_s >= LEAST_SECONDS:
            self._update()

    def time_left(self, seconds: float | None) -> None:
        """Sets the countdown, or takes it away."""
        self._state.deadline_s = None if seconds is None else self._clock() + seconds

    def _add(self, line: str) -> None:
        at = clock_text(self._clock() - self._state.started_s)
        self._lines.append(f"{at}  {printable(line)}")
        self._update()

    def _update(self) -> None:
        self._shown_s = self._clock()
        self._show(self._html(self._shown_s))

    def _html(self, now_s: float) -> str:
        state = self._state
        times = [f"{clock_text(now_s - state.started_s)} elapsed", state.time_left_text(now_s)]
        pairs = [
            ("now", state.phase),
            ("time", ", ".join(filter(None, times))),
            ("search", generation_line(state)),
            ("best", best_line(state).removeprefix("best so far: ")),
        ]
        bars = "".join(
            f"<div><label>{text_html(name)} "
            f'<progress max="{each.images_total}" value="{each.images_done}"></progress></label> '
            f"{count_text(each.images_done)} of {count_text(each.images_total)} images</div>"
            for name, each in state.trainings.items()
        )
        lines = folded(f"All {len(self._lines)} lines", list_html(self._lines))
        shown = pairs_html((label, text) for label, text in pairs if text)
        return (
            '<section class="prune-mi" aria-label="Progress of prune-mi">'
            f"{shown}{bars}{lines if self._lines else ''}</section>"
        )


def _in_a_notebook() -> Show:
    """Writes HTML into the output of the cell that runs."""
    from IPython.display import HTML, display

    handle: list[Any] = []

    def show(html: str) -> None:
        if handle:
            handle[0].update(HTML(html))
        else:
            handle.append(display(HTML(html), display_id=True))

    return show
