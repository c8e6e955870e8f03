"""The progress that a person watches: a live area in a terminal, plain lines in a log."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from prune_mi.errors import counted
from prune_mi.records import ChildRecord, Observer, SilentObserver
from prune_mi.records.events import Event, GenerationBegan, Proposed
from prune_mi.report.progress import RunState, child_parts, generation_title, live_area
from prune_mi.report.wording import clock_text, count_text, printable

LOG_INTERVAL_S = 15.0
"""In plain lines, the least time between two reports of one training."""


def open_observer(
    console: Console,
    *,
    quiet: bool = False,
    finds: bool = False,
    details: bool = False,
    began: float | None = None,
) -> AbstractContextManager[Observer]:
    """Opens the observer to hand to the pipeline.

    Args:
        console: Where to show progress; one on stderr keeps stdout free for `--json`.
        quiet: Whether to say nothing at all.
        finds: Whether it finds a network: what is shown is for those who know little.
        details: Whether such a run is shown in the words of the field all the same.
        began: When the elapsed time that it shows began, on `time.monotonic`; None: now.
    """
    if quiet:
        return nullcontext(SilentObserver())
    return LiveConsole(console, finds=finds, details=details, began=began)


class LiveConsole:
    """An `Observer` that shows a run's progress; a context manager.

    Notes, phases, generations and children are lines that stay; below them, in a terminal, an area
    redrawn in place holds the clock, the generation, the best so far and the trainings under way.
    Where nobody can watch it redraw (a log file, CI), every line opens with the elapsed time and
    trainings are lines too, at most one each `LOG_INTERVAL_S` seconds a name.

    May be called from several threads.
    """

    def __init__(
        self,
        console: Console,
        *,
        finds: bool = False,
        details: bool = False,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        began: float | None = None,
    ) -> None:
        """Prepares the display; entering the context starts it.

        Args:
            console: Where to show it.
            finds: Whether the run finds a network: what is shown is for those who know little.
            details: Whether such a run is shown in the words of the field all the same.
            live: Whether to redraw in place; None asks the console.
            clock: Seconds that never go back.
            began: When the elapsed time began, on the clock; None: now.
        """
        self._console = console
        self._clock = clock
        started = clock() if began is None else began
        self._state = RunState(started, finds=finds, details=details)
        self._logged_s: dict[str, float] = {}
        # Guards the state alone and is never held while printing: the display's own thread takes
        # rich's lock first and this one second.
        self._lock = threading.Lock()
        self._live: Live | None = None
        if live if live is not None else console.is_interactive and console.file.isatty():
            self._live = Live(
                console=console,
                get_renderable=self.__rich__,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=not console.stderr,
            )

    def __enter__(self) -> Self:
        """Starts the live area, if there is one."""
        if self._live is not None:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Takes the live area away; the lines stay."""
        if self._live is not None:
            self._live.stop()

    def note(self, message: str) -> None:
        """Prints a decision that the user should know of."""
        self._print(Text.assemble(("note: ", "bold yellow"), printable(message)))

    def phase(self, title: str) -> None:
        """Prints the part of the pipeline that begins; trainings of the last one are over."""
        with self._lock:
            self._state.phase = printable(title)
            self._state.trainings.clear()
        self._print(Text(printable(title), style="bold cyan"))

    def happened(self, event: Event) -> None:
        """Prints a generation that begins, and what becomes of a child."""
        with self._lock:
            child = self._state.hear(event)
        if isinstance(event, GenerationBegan):
            self._generation(event)
        elif child is not None and not isinstance(event, Proposed):
            self._child(child)

    def recalled(self, told: Sequence[Event]) -> None:
        """Takes note of what happened before, and tells of it in a line."""
        with self._lock:
            for event in told:
                self._state.hear(event)
            found = self._state.generations
            ended, begun = len(found.ended), len(found.children)
        done = f"{counted(ended, 'generation')} made"
        if begun:
            done += f", {counted(begun, 'network')} of the next one known"
        self._print(Text(f"Going on: {done}", style="bold"))

    def _generation(self, event: GenerationBegan) -> None:
        """Prints the generation that begins, its parent, and the time left."""
        with self._lock:
            left = self._state.time_left_text(self._clock())
            title = generation_title(event.index, event.total, event.parent, self._state)
        self._print(Text(f"{title}, {left}" if left else title, style="bold"))

    def _child(self, record: ChildRecord) -> None:
        """Prints a child's morphisms, accuracies, cost and verdict."""
        with self._lock:
            parts, finds = child_parts(record, self._state), self._state.finds
        if finds and record.verdict == "pending":
            return
        line = Text("  ").join(parts)
        if self._live is None or line.cell_len <= self._console.width:
            self._print(line)
            return
        # Too long for one line of a terminal: morphisms wrap under each other, figures come last.
        name, morphs, figures = parts
        indent = name.cell_len + 2
        wrapped = morphs.wrap(self._console, max(self._console.width - indent, 20))
        wrapped.extend(figures.wrap(self._console, max(self._console.width - indent, 20)))
        for row in wrapped:
            row.rstrip()
        self._print(Text.assemble(name, "  ", Text("\n" + " " * indent).join(wrapped)))

    def training(self, name: str, images_done: int, images_total: int) -> None:
        """Moves a training's bar; in plain lines, prints it now and then, not at once."""
        with self._lock:
            now = self._clock()
            self._state.hear_training(name, images_done, images_total, now)
            due = now - self._logged_s.setdefault(name, now) >= LOG_INTERVAL_S
            if self._live is not None or not due:
                return
            self._logged_s[name] = now
        done = images_done / images_total if images_total else 1.0
        self._print(
            Text(
                f"{printable(name)}  training {count_text(images_done)} of "
                f"{count_text(images_total)} images ({done:.0%})"
            )
        )

    def time_left(self, seconds: float | None) -> None:
        """Sets the countdown, or takes it away."""
        with self._lock:
            self._state.deadline_s = None if seconds is None else self._clock() + seconds

    def __rich__(self) -> RenderableType:
        """What the live area shows now."""
        with self._lock:
            return live_area(self._state, self._clock())

    def _print(self, line: Text) -> None:
        if self._live is None:
            line = Text.assemble(f"{clock_text(self._clock() - self._state.started_s)}  ", line)
        # A log keeps one event a line, however long; a terminal wraps at words.
        self._console.print(line, soft_wrap=self._live is None, highlight=False)
