"""`prune-mi rank`: the table, JSON, the plot, bad input."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prune_mi.cli import app

pytestmark = pytest.mark.slow


def _rank(*arguments: object) -> tuple[int, str, str]:
    runner = CliRunner(env={"COLUMNS": "160"})
    result = runner.invoke(app, ["rank", *map(str, arguments), "--data", "digits"])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, " ".join(result.output.split())


@pytest.mark.parametrize("criterion", ["bypass", "kmeans"])
def test_json_has_every_unit_with_its_rank(digits_model: Path, criterion: str) -> None:
    code, stdout, _ = _rank(
        digits_model, "--json", "--criterion", criterion, "--samples", "300", "--least", "3"
    )
    assert code == 0
    found = json.loads(stdout)
    units = found["units"]
    assert sorted(unit["rank"] for unit in units) == list(range(len(units)))
    for unit in units:
        assert unit["score_low"] <= unit["score"] <= unit["score_high"]
        assert unit["information_low"] <= unit["information_bits"] <= unit["information_high"]
        assert unit["information_bits"] > 0.5  # of log2(10)
        assert unit["layers"] and 0 <= unit["probability_least"] <= 1
        assert unit["macs"] or unit["num_params"]
    assert sum(unit["probability_least"] for unit in units) == pytest.approx(3)
    scores = [unit["score"] for unit in sorted(units, key=lambda unit: unit["rank"])]
    assert scores == sorted(scores)
    assert found["num_samples"] == 300


def test_the_same_seed_ranks_alike(digits_model: Path) -> None:
    first, second = (
        json.loads(_rank(digits_model, "--json", "--samples", "200", "--seed", "7")[1])["units"]
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_table_and_the_plot(digits_model: Path, tmp_path: Path, suffix: str) -> None:
    plot = tmp_path / f"gains{suffix}"
    code, _, output = _rank(digits_model, "--samples", "100", "--plot", plot, "--quiet")
    assert code == 0
    assert "Lowest scores:" in output
    assert "/branch" in output
    head = plot.read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == ".png" else b"<?xml" in head


def test_bad_input(digits_model: Path, tmp_path: Path) -> None:
    code, _, output = _rank(digits_model, "--plot", tmp_path / "gains.pdf")
    assert (code, "ends in .svg or .png" in output) == (2, True)
    code, _, output = _rank(digits_model, "--criterion", "magic")
    assert (code, "`--criterion` is 'magic'" in output) == (2, True)
    code, _, output = _rank(tmp_path / "none.keras")
    assert (code, "no such file" in output) == (2, True)
    code, _, output = _rank(digits_model, "--protect", ".*", "--samples", "50")
    assert (code, "no unit of" in output) == (2, True)
