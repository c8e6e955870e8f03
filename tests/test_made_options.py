"""Options made from declarations: what a command gets, and what --help tells."""

from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from prune_mi.cli.made_options import takes
from prune_mi.config import OptimizeSettings, SearchSettings
from prune_mi.config.declare import PANELS, TIME, declared, setting
from prune_mi.config.settings import Settings


class _Inner(Settings):
    depth: int = setting(3, "How deep.", panel=TIME, ge=1)


class _Own(Settings):
    speed: float | None = setting(None, "How fast.", panel=TIME, words="as fast as it goes", gt=0)
    names: tuple[str, ...] = setting((), "Which ones.", panel=TIME, metavar="REGEX")
    loud: bool = setting(False, "Make noise.", panel=TIME, switch="--loud")
    lights: bool = setting(
        True, "Lights.", panel=TIME, switch="--no-lights", off="Leave the lights out."
    )
    hidden: int = setting(1, "Only in files.")
    inner: _Inner = _Inner()


def _app(heard: list[dict[str, Any]]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @takes(_Own)
    def command(name: str, given: dict[str, Any], count: int = 1) -> None:
        heard.append({"name": name, "count": count, **given})

    return app


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["x"], {}),
        (["x", "--speed", "fast"], {"speed": "fast"}),  # the settings say what they expect
        (["x", "--speed", "2.5", "--count", "3"], {"speed": 2.5, "count": 3}),
        (["x", "--names", "a", "--names", "b"], {"names": ["a", "b"]}),
        (["x", "--loud", "--no-lights"], {"loud": True, "lights": False}),
        (["x", "--depth", "7"], {"inner": {"depth": 7}}),
    ],
)
def test_a_command_gets_what_the_options_say(
    arguments: list[str], expected: dict[str, Any]
) -> None:
    heard: list[dict[str, Any]] = []
    result = CliRunner().invoke(_app(heard), arguments)
    assert result.exit_code == 0, result.output
    nothing = dict.fromkeys(("speed", "names", "loud", "lights"))
    assert heard == [{"name": "x", "count": 1, **nothing, "inner": None, **expected}]


def test_help_tells_what_is_declared() -> None:
    shown = " ".join(CliRunner(env={"COLUMNS": "200"}).invoke(_app([]), ["--help"]).output.split())
    assert "--speed FLOAT How fast. [default: as fast as it goes]" in shown
    assert "How deep. [default: 3]" in shown
    assert "Leave the lights out." in shown and "Lights." not in shown
    assert "--hidden" not in shown


@pytest.mark.parametrize("kind", [OptimizeSettings, SearchSettings])
def test_every_setting_is_declared(kind: type[Settings]) -> None:
    whole = kind.model_validate({"data": "digits"}).model_dump()
    told = {path: each for path, _, each in declared(kind)}
    for name, value in whole.items():
        if name in ("ranking", "training"):
            assert all((name, inner) in told for inner in value)
        else:
            assert (name,) in told
    assert all(each.text.endswith(".") for each in told.values())
    assert {each.panel for each in told.values()} <= {*PANELS, None}
