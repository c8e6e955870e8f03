"""README.md and docs/: their commands are ones that exist, and those that nothing forbids run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from prune_mi.cli import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>not run|run by|test-command)(?:: (?P<why>[^\n]+))? -->\n)?"
    r"```(?P<kind>bash|python)\n(?P<text>.*?)```",
    re.DOTALL,
)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def _blocks(kind: str) -> list[tuple[str, str, str, str]]:
    """Page, mark, its reason, and the text, of each block of a kind."""
    return [
        (page.name, found["mark"] or "", found["why"] or "", found["text"])
        for page in PAGES
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
        if found["kind"] == kind
    ]


def _commands(text: str) -> list[list[str]]:
    """The arguments of each `prune-mi` in a shell's text."""
    lines = text.replace("\\\n", " ").splitlines()
    words = [shlex.split(line.partition("&& ")[2] or line, comments=True) for line in lines]
    return [each[1:] for each in words if each and each[0] == "prune-mi"]


ALL = [
    pytest.param(arguments, id=f"{page}: {' '.join(arguments)[:60]}")
    for page, _, _, text in _blocks("bash")
    for arguments in _commands(text)
]


@pytest.mark.parametrize("arguments", ALL)
def test_every_command_is_one_that_exists(arguments: list[str]) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    name, *rest = arguments
    assert name in commands
    commands[name].make_context(name, rest)  # raises at an option that there is not


def test_what_is_run_elsewhere_is_run_there() -> None:
    for page, mark, why, _ in _blocks("bash") + _blocks("python"):
        if mark == "run by":
            assert (ROOT / why).is_file(), f"{page} names {why}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_links_to_the_repository_lead_somewhere() -> None:
    found = re.compile(r"https://github\.com/prune-mi/prune-mi/blob/main/([^)#\s]+)")
    for page in PAGES:
        for target in found.findall(page.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{page.name}: {target}"


def test_the_readme_is_one_screen_or_three() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.slow
def test_commands_run_as_they_stand(
    dense_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of prune-mi in this process, which has loaded TensorFlow already."""
    (tmp_path / "model.keras").write_bytes(dense_model.read_bytes())
    monkeypatch.chdir(tmp_path)
    texts = [text for _, mark, _, text in _blocks("bash") if not mark]
    lines = [line for text in texts for line in text.replace("\\\n", " ").splitlines() if line]
    assert any(line.startswith("prune-mi ") for line in lines)
    for line in lines:
        if line.startswith("prune-mi ") and not set("|>&;$") & set(line):
            result = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
            assert result.exit_code == 0, f"{line}: {result.output}"
        else:
            program = line.replace("prune-mi ", f"{shlex.quote(sys.executable)} -m prune_mi ")
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", program],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
