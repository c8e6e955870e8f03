"""An executor that carries calls out in this process, one after the other.

Starting TensorFlow in a process takes seconds, and most tests of whole runs are not about
processes. Calls are packed and unpacked as they are for others. Tests with the marker `processes`
get the executor that users get.
"""

from collections import deque
from typing import Any

from prune_mi.execution.executor import Call, News, Outcome, carry_out, packed, unpacked


class InThisProcess:
    """See `prune_mi.execution.executor.Executor`; a call is carried out when its outcome is due."""

    def __init__(self, **_: Any) -> None:
        self._submitted: deque[tuple[int, bytes]] = deque()
        self._told: deque[News | Outcome] = deque()
        self._tickets = 0

    def submit(self, call: Call) -> int:
        self._tickets += 1
        self._submitted.append((self._tickets, packed(call)))
        return self._tickets

    def next(self, timeout: float | None = None) -> News | Outcome | None:
        if not self._told and self._submitted and timeout != 0:
            ticket, call = self._submitted.popleft()
            outcome = carry_out(call, lambda told: self._told.append(News(ticket, told)))
            self._told.append(unpacked(ticket, outcome))
        return self._told.popleft() if self._told else None

    def cancel(self, ticket: int) -> None:
        self._submitted = deque(each for each in self._submitted if each[0] != ticket)

    def pause(self, ticket: int, paused: bool) -> None: ...

    def close(self) -> None:
        self._submitted.clear()
