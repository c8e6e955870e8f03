"""Gates from options, from a repository's own files, and from `--gate NAME=VALUE`."""

from pathlib import Path

import pytest

from prune_mi.config import Gates, gates_of_pairs, read_gates
from prune_mi.errors import ConfigError


def test_options_alone(tmp_path: Path) -> None:
    gates, file = read_gates({"max_size": "300KB", "max_flips": "0.03"}, folder=tmp_path)
    assert file is None
    assert gates == Gates(max_size=300_000, max_flips=0.03)
    assert gates.confidence == 0.9


@pytest.mark.parametrize(
    ("written", "size"), [("300KB", 300_000), ("1.5 MiB", 1_572_864), ("64kib", 65_536), (12, 12)]
)
def test_sizes(written: object, size: int) -> None:
    assert Gates.model_validate({"max_size": written}).max_size == size


@pytest.mark.parametrize("name", ["prune-mi.yaml", "pyproject.toml"])
def test_a_repository_carries_its_gates_and_options_win(tmp_path: Path, name: str) -> None:
    text = (
        "check:\n  max-accuracy-drop: 0.01\n  max_flips: 0.03\n"
        if name.endswith("yaml")
        else "[tool.prune-mi.check]\nmax-accuracy-drop = 0.01\nmax_flips = 0.03\n"
    )
    (tmp_path / name).write_text(text)
    gates, file = read_gates({"max_flips": 0.1, "max_size": None}, folder=tmp_path)
    assert gates == Gates(max_accuracy_drop=0.01, max_flips=0.1)
    assert file == tmp_path / name


def test_the_yaml_file_goes_before_pyproject(tmp_path: Path) -> None:
    (tmp_path / "prune-mi.yaml").write_text("check: {max_size: 1MB}")
    (tmp_path / "pyproject.toml").write_text("[tool.prune-mi.check]\nmax_size = '2MB'\n")
    assert read_gates({}, folder=tmp_path)[0].max_size == 10**6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there is nothing to check: no gate was given; expected one or more of --max-accur"),
        ({"confidence": 0.8}, "no gate was given"),
        ({"max_flips": 0.1, "confidence": "0.5"}, "`--confidence` is '0.5'; expected a number abo"),
        ({"max_flips": "-1"}, "`--max-flips` is '-1'; expected a number above 0 and below 1"),
        ({"max_flips": 0}, "`--max-flips` is 0; expected a number above 0 and below 1"),
        ({"max_class_drop": "1"}, "is '1'; expected a number of at least 0 and below 1"),
        ({"max_size": "9" * 400}, "expected a size such as 300KB"),
        ({"max_size": "big"}, "`--max-size` is 'big'; expected a size such as 300KB"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_gates(given, folder=tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("check: [1]", "`check` in"),
        ("check: {max_flip: 0.1}", "did you mean `max_flips`?"),
        ("check: {max_flips: many}", "`max_flips` in"),
        ("check: {", "cannot read"),
        ("check: {max_flips: 0.1, max_flips: 0.2}", "'max_flips' stands twice"),
        ("check: {max_flips: 0.1, max-flips: 0.2}", "names max-flips twice"),
        ("check: {max_flips: }", "`max_flips` in"),
        ("check: {max_size: true}", "is True; expected a number, or a size"),
        ("max_flips: 0.1", "has 'max_flips'; expected `check` alone: move max_flips under it"),
        ("checks: {max_flips: 0.1}", "has 'checks'; expected `check` alone"),
        ("[" * 5000, "cannot read"),
        ("- check", "expected `check` with `name: value` pairs"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "prune-mi.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_gates({}, folder=tmp_path)
    assert message in str(caught.value)
    assert "prune-mi.yaml" in str(caught.value) or "did you mean" in message


def test_names_from_elsewhere_in_the_file_may_be_given_anew(tmp_path: Path) -> None:
    text = "check:\n  <<: &usual {max_flips: 0.1, max_size: 1MB}\n  max_flips: 0.2\n"
    (tmp_path / "prune-mi.yaml").write_text(text)
    assert read_gates({}, folder=tmp_path)[0] == Gates(max_flips=0.2, max_size=10**6)


@pytest.mark.parametrize(
    "text", ["[project]\nname = 'x'\n", "tool = 1\n", "[tool]\nprune-mi = {}\n", "[tool.black]\n"]
)
def test_files_that_say_nothing_of_gates_are_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "prune-mi.yaml").write_text("# nothing yet\n")
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError, match="no gate was given"):
        read_gates({}, folder=tmp_path)


def test_gates_outside_of_their_table_are_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.prune-mi]\nmax-flips = 0.1\n")
    with pytest.raises(ConfigError, match=r"\[tool.prune-mi\] in .*: move max-flips under it"):
        read_gates({"max_size": "1MB"}, folder=tmp_path)


def test_pairs() -> None:
    assert gates_of_pairs([]) is None
    assert gates_of_pairs(["max-flips=0.03", "max-size=1MB"]) == Gates(
        max_flips=0.03, max_size=10**6
    )
    for pair in ("max-flips", "speed=2"):
        with pytest.raises(ConfigError, match=r"expected NAME=VALUE, such as max-flips=0\.03"):
            gates_of_pairs([pair])
    with pytest.raises(ConfigError, match="twice"):
        gates_of_pairs(["max-flips=0.1", "max_flips=0.2"])
    with pytest.raises(ConfigError, match="`--gate max-flips` is '3'"):
        gates_of_pairs(["max-flips=3"])
    with pytest.raises(ConfigError, match="no gate was given; expected one or more of --gate max"):
        gates_of_pairs(["confidence=0.95"])
