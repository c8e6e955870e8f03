"""Commands that are interrupted: what they say, and what they leave."""

import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.runs.log import effective, read_events

pytestmark = pytest.mark.slow

_STUCK_SECONDS = 600.0  # far beyond what the busiest machine takes: only a hang gets there


def _interrupted(arguments: list[str], *, when: str, how: signal.Signals) -> str:
    """What a command prints that is sent a signal once it has printed `when`.

    Its workers write to the same pipe: that is at its end when they are gone, too.
    """
    # A shell's background jobs, and so perhaps these tests, are started with SIGINT ignored.
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{start}; from prune_mi.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(_STUCK_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        watchdog.start()
        try:
            assert process.stdout is not None
            text = ""
            for line in process.stdout:
                text += line
                if when in line:
                    break
            if how == signal.SIGINT:
                os.killpg(process.pid, how)  # as a terminal does
            else:
                process.send_signal(how)
            text += process.stdout.read()
            code = process.wait()
        finally:
            watchdog.cancel()
            process.kill()
    assert code == 130, text
    assert "interrupted" in text and "Traceback" not in text
    return text


def test_a_terminated_run_says_so_and_keeps_its_events(dense_model: Path, tmp_path: Path) -> None:
    arguments = ["optimize", str(dense_model), "--data", "digits", "--out", str(tmp_path / "run")]
    arguments += ["--max-accuracy-drop", "0.2", "--final-epochs", "1000", "--generations", "1"]
    arguments += ["--children", "2", "--child-epochs", "0.5", "--workers", "1"]
    _interrupted(arguments, when="screened", how=signal.SIGTERM)
    assert effective(read_events(tmp_path / "run" / "events.jsonl")[0])
    assert not list((tmp_path / "run").glob(".scratch*"))


def test_an_interrupted_search_says_how_to_use_what_it_leaves(tmp_path: Path) -> None:
    arguments = ["search", "--from-scratch", "--data", "digits", "--out", str(tmp_path / "my run")]
    arguments += ["--child-epochs", "1", "--final-epochs", "1", "--children", "2"]
    arguments += ["--workers", "1"]
    text = _interrupted(arguments, when="round 1 of ", how=signal.SIGINT)
    *_, asked, line = text.splitlines()
    assert asked == "Ask best.keras what is on an image:"
    _, *command, image = shlex.split(line)
    assert image == "IMAGE.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "digit.png")
    result = CliRunner().invoke(app, [*command, str(tmp_path / "digit.png")])
    assert result.exit_code == 0, result.output
    assert "digit.png" in result.output
