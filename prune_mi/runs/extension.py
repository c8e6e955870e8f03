"""Whether a run that goes on has something to do, and the time for it.

That is told before Keras is loaded, and before anything of the run is given up.
"""

import math
import shlex
from collections.abc import Mapping
from typing import Any

from prune_mi.errors import BudgetError
from prune_mi.records import events
from prune_mi.report.wording import duration_text, printable
from prune_mi.runs.resumption import OF_THE_SEARCH, Before

_LEAST_SHARE = 0.3  # of the time left, for search and final training
_ROUND = 10.0  # seconds that an advised budget is rounded up to


def require_time(before: Before, changes: Mapping[str, Any]) -> None:
    """Refuses other settings where the budget leaves no time to do anything with them.

    What was trained last would be given up for something that is hardly trained.

    Args:
        before: What the run has come to.
        changes: The settings that are to be others, by name.

    Raises:
        BudgetError: If it does not.
    """
    total = {**before.settings, **changes}.get("budget")
    if total is None or not set(changes) & set(OF_THE_SEARCH) or has_time(before, total):
        return
    took, again = duration_text(before.elapsed), duration_text(seconds_again(before))
    raise BudgetError(
        f"the run in {before.folder} has taken {took}, and the budget is {duration_text(total)}; "
        f"loading, studying and the measurements at the end take about {again} again; expected "
        f"--budget {duration_text(enough(before))} or more. The run stays as it was"
    )


def has_time(before: Before, total: float | None) -> bool:
    """Whether a budget of so many seconds leaves a run time to train anything."""
    if total is None:
        return True
    left = total - before.elapsed
    return left - seconds_again(before) >= _LEAST_SHARE * left > 0


def enough(before: Before) -> float:
    """A budget in seconds that leaves a run time for more, about as much as it has taken so far."""
    needed = before.elapsed + max(before.elapsed, 3 * seconds_again(before))
    return _ROUND * math.ceil(needed / _ROUND)


def more_line(before: Before) -> str:
    """The command by which a run does more, for a shell to copy."""
    folder = shlex.quote(printable(str(before.folder)))
    line = f"prune-mi {before.started.command} --resume {folder}"
    if before.settings["budget"] is not None:
        return f"{line} --budget {duration_text(enough(before))}"
    ended = sum(isinstance(each, events.GenerationEnded) for each in before.told)
    return f"{line} --generations {ended + 2}"


def seconds_again(before: Before) -> float:
    """What a run that goes on does again: what came before its search, and its end."""
    for event in before.told:
        if isinstance(event, events.Decided) and event.what == SEARCH_TIME:
            return float(sum(event.value))
    return 0.0


SEARCH_TIME = "the search's time"
"""What is decided when a search begins: when that was, and what the end will take, in seconds."""
