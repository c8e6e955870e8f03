"""Workers are ended at once; what their manager's thread says of it is not the user's business."""

import atexit
import threading
import time

import joblib
import pytest

from prune_mi.execution.pool import quiet_manager, shut_down


def _end_slowly() -> None:
    atexit.register(time.sleep, 30)


def test_workers_that_take_long_to_end_are_not_waited_for() -> None:
    run = joblib.Parallel(n_jobs=2, initializer=_end_slowly, initargs=())
    assert run(joblib.delayed(abs)(each) for each in (-1, -2)) == [1, 2]
    began = time.monotonic()
    shut_down()
    assert time.monotonic() - began < 10


def test_other_threads_are_still_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: heard.append(str(failure.thread)))
    quiet_manager()
    quiet_manager()  # is not wrapped twice

    def fail() -> None:
        raise KeyError(39)

    for name in ("ExecutorManagerThread", "mine"):
        thread = threading.Thread(target=fail, name=name)
        thread.start()
        thread.join()
    assert len(heard) == 1 and "mine" in heard[0]
