"""The generational loop of `optimize` and of `search`: generations until a rule says stop."""

from collections.abc import Callable

from prune_mi.records import GenerationRecord
from prune_mi.search.termination import SearchState, StoppingRule


def run_generations(
    generation: Callable[[], GenerationRecord],
    state: Callable[[GenerationRecord], SearchState],
    rule: StoppingRule,
) -> tuple[tuple[GenerationRecord, ...], str]:
    """Makes generations until a stopping rule holds.

    Args:
        generation: Makes one: proposes children, trains them, and may change the elite.
        state: What the rule is to look at behind a generation.
        rule: When to stop.

    Returns:
        What was tried, generations without children left out, and why it ended.
    """
    records: list[GenerationRecord] = []
    while True:
        record = generation()
        if record.children:
            records.append(record)
        reason = rule.reason(state(record))
        if reason is not None:
            return tuple(records), reason
