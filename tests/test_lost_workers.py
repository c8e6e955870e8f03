"""What a thread says that manages workers, once these are ended, is not the user's business."""

import threading

import pytest

from prune_mi.execution.pool import shut_down


def test_other_threads_are_still_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: heard.append(str(failure.thread)))
    shut_down()
    shut_down()  # is not wrapped twice

    def fail() -> None:
        raise KeyError(39)

    for name in ("ExecutorManagerThread", "mine"):
        thread = threading.Thread(target=fail, name=name)
        thread.start()
        thread.join()
    assert len(heard) == 1 and "mine" in heard[0]
