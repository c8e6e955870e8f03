"""The command line as a whole: its commands, its start, what a process returns."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prune_mi import __version__
from prune_mi.began import BEGAN
from prune_mi.cli import app, entry
from prune_mi.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    *("optimize", "search", "demo", "convert", "inspect", "rank", "recalibrate", "predict"),
    "average",
)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_command_is_listed() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in COMMANDS:
        assert f" {command} " in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_names_its_exit_codes(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Exit codes: 0" in " ".join(result.output.split())


def test_no_command_is_described_in_half_a_sentence() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.output.count("\n  search ") == 1
    assert "..." not in result.output.split("Commands:")[1]


def test_the_module_runs_as_the_console_script_does() -> None:
    done = _python("-m", "prune_mi", "--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"prune-mi {__version__}")
    done = _python("-m", "prune_mi", "convert", "none.h5")
    assert (done.returncode, "Missing argument" in done.stderr) == (2, True)


def test_the_command_line_starts_without_keras() -> None:
    heavy = "{'keras', 'tensorflow', 'sklearn', 'matplotlib'}"
    done = _python("-c", f"import sys, prune_mi.cli; print(sorted({heavy} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done.stderr


def test_wrong_classes_are_told_before_anything_is_opened() -> None:
    result = CliRunner().invoke(app, ["predict", "none.keras", "none.png", "--classes", "cat"])
    assert (result.exit_code, "`classes` is 'cat'; that is a single" in result.stderr) == (2, True)


def test_the_clock_of_a_command_begins_before_anything_is_imported() -> None:
    done = _python("-X", "importtime", "-m", "prune_mi", "--version")
    imported = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    ours = [name for name in imported if name.startswith("prune_mi")]
    assert ours[0] == "prune_mi.began", ours[:3]  # a module is named once it is imported
    assert "numpy" in imported[imported.index("prune_mi.began") :]


def test_commands_are_told_when_theirs_began_and_then_end_quietly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[float] = []
    signals: list[object] = []
    monkeypatch.setattr(entry, "app", lambda *, obj: heard.append(obj))
    monkeypatch.setattr(signal, "signal", lambda *given: signals.append(given))
    entry.main()
    assert signals[-1] == (signal.SIGINT, signal.SIG_DFL)
    assert heard == [BEGAN]
    assert time.monotonic() > BEGAN


@pytest.mark.slow
def test_a_backend_that_is_not_there_is_told(tmp_path: Path) -> None:
    arguments = ("search", "--from-scratch", "--data", "digits", "--out", str(tmp_path / "run"))
    done = subprocess.run(
        [sys.executable, "-m", "prune_mi", *arguments],
        env={**os.environ, "KERAS_BACKEND": "abacus"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.BAD_INPUT
    assert "backend (abacus)" in done.stderr and "KERAS_BACKEND=jax" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_with_jax_nothing_is_heard_of_tensorflow(tmp_path: Path) -> None:
    arguments = ("search", "--from-scratch", "--data", "digits", "--out", str(tmp_path / "run"))
    shortened = ("--generations", "1", "--children", "1", "--child-epochs", "1", "--workers", "1")
    done = subprocess.run(
        [sys.executable, "-m", "prune_mi", *arguments, *shortened, "--final-epochs", "1"],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
