"""The command line as a whole: its commands, its start, what a process returns."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from rich.text import Text
from typer.testing import CliRunner

from prune_mi import __version__
from prune_mi.began import BEGAN
from prune_mi.cli import app, entry
from prune_mi.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    *("optimize", "search", "evaluate", "check", "demo", "convert", "inspect", "rank"),
    *("recalibrate", "predict", "average", "report", "pick"),
)


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def _help(*arguments: str) -> str:
    """What `--help` prints in a terminal of 80 columns, without colours."""
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, [*arguments, "--help"])
    assert result.exit_code == 0
    return Text.from_ansi(result.output).plain


def test_every_command_is_listed() -> None:
    listed = _help()
    for command in COMMANDS:
        assert f" {command} " in listed
    assert "--install-completion" in listed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_its_exit_codes(command: str) -> None:
    words = " ".join(_help(command).split())
    assert f"Example: prune-mi {command}" in words
    assert "Exit codes: 0" in words


@pytest.mark.parametrize("command", COMMANDS)
def test_defaults_are_text_and_not_markup(command: str) -> None:
    callbacks = {
        getattr(each.callback, "__name__", ""): each.callback for each in app.registered_commands
    }
    texts = [
        getattr(option, "help", None) or ""
        for hint in get_type_hints(callbacks[command], include_extras=True).values()
        for option in getattr(hint, "__metadata__", ())
    ]
    words = " ".join(_help(command).replace("│", " ").split())
    assert all("[" not in text.replace("\\[", "") for text in texts)
    assert "\\[" not in words
    assert words.count("[default: ") >= sum(text.count("\\[default: ") for text in texts)


def test_every_command_is_described_in_one_line() -> None:
    commands = _help().split(" Commands ")[1].splitlines()[1:-1]
    assert len([line for line in commands if line.startswith("│ ")]) == len(COMMANDS)
    assert "..." not in "".join(commands)


def test_the_module_runs_as_the_console_script_does() -> None:
    done = _python("-m", "prune_mi", "--version")
    assert done.returncode == 0
    first, *others = done.stdout.splitlines()
    assert first == f"prune-mi {__version__}"
    names = [line.split()[0] for line in others]
    assert names == ["Python", "keras", "tensorflow", "numpy", "scikit-learn"]
    assert all(line.split()[1] for line in others)
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
    rng, labels = np.random.default_rng(0), np.arange(300) % 2
    values = rng.normal(size=(300, 6)).astype(np.float32) + 3 * labels[:, None]
    arrays = {"x_train": values[:200], "y_train": labels[:200]}
    np.savez(tmp_path / "data.npz", **arrays, x_test=values[200:], y_test=labels[200:])
    data = str(tmp_path / "data.npz")
    arguments = ("search", "--from-scratch", "--data", data, "--out", str(tmp_path / "run"))
    shortened = ("--generations", "1", "--children", "1", "--child-epochs", "1", "--workers", "1")
    done = subprocess.run(
        [sys.executable, "-m", "prune_mi", *arguments, *shortened, "--final-epochs", "1"],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
