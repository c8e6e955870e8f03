"""`prune-mi check` and `prune-mi evaluate`: what they measure, decide, write and refuse."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from junitparser import JUnitXml
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.data import load_dataset
from prune_mi.data.digest import images_digest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("check")]  # one set of models for all


def _run(*arguments: object, **env: str) -> tuple[int, str, str]:
    runner = CliRunner(env={"COLUMNS": "200", **env})
    result = runner.invoke(app, [*map(str, arguments), "--workers", "1", "--quiet"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert "Traceback" not in result.output
    return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())


def _check(candidate: Path, baseline: Path, *gates: object, **env: str) -> tuple[int, str, str]:
    return _run("check", candidate, "--baseline", baseline, "--data", "digits", *gates, **env)


def _answers(path: Path) -> np.ndarray:
    data = load_dataset("digits")
    model = keras.models.load_model(path)
    return np.asarray(model.predict(data.x_test / 16.0, verbose=0).argmax(axis=1))


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory, digits_model: Path) -> dict[int, Path]:
    """The digits' model with noise in its last kernel, by seed: each is wrong in its own way."""
    folder, models = tmp_path_factory.mktemp("noisy"), {}
    for seed in (1, 2):
        model = keras.models.load_model(digits_model)
        kernel = model.layers[-1].kernel
        values = np.asarray(kernel)
        noise = np.random.default_rng(seed).normal(0, 1.2 * values.std(), values.shape)
        kernel.assign(values + noise)
        models[seed] = folder / f"noisy{seed}.keras"
        model.save(models[seed])
    return models


def test_models_are_evaluated_side_by_side(digits_model: Path, noisy: dict[int, Path]) -> None:
    data = load_dataset("digits")
    arguments = ["evaluate", digits_model, noisy[1], "--data", "digits", "--json"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--scaling", "unit", "--workers", "1"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    first, second = found["models"]
    one, other = _answers(digits_model), _answers(noisy[1])
    right, still = one == data.y_test, other == data.y_test
    assert found["num_images"] == len(data.y_test) and found["num_left_out"] == 0
    assert first["quality"] == pytest.approx(right.mean())
    assert second["quality"] == pytest.approx(still.mean())
    assert first["low"] < first["quality"] < first["high"]
    against = second["against_first"]
    assert first["against_first"] is None
    assert against["changed"] == int((one != other).sum())
    assert against["right_to_wrong"] == int((right & ~still).sum())
    assert against["wrong_to_right"] == int((~right & still).sum())
    assert against["change"] == pytest.approx(still.mean() - right.mean())
    assert against["low"] < against["change"] < against["high"]
    assert [each["name"] for each in first["classes"]] == list(map(str, range(10)))
    assert first["size_bytes"] == digits_model.stat().st_size

    code, shown, _ = _run(
        "evaluate", digits_model, noisy[1], "--data", "digits", "--scaling", "unit"
    )
    assert code == 0
    assert f"answers changed {against['changed']}" in shown


def test_a_better_candidate_passes_and_reports_are_written(
    digits_model: Path, noisy: dict[int, Path], tmp_path: Path
) -> None:
    gates = ["--max-accuracy-drop", 0.01, "--max-class-drop", 0.2, "--max-size", "1MB"]
    reports = ["--markdown", tmp_path / "comment.md", "--junit", tmp_path / "junit.xml"]
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n")
    code, shown, _ = _check(
        digits_model, noisy[1], *gates, *reports, "--scaling", "unit",
        GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    assert code == 0, shown
    assert "Passed all 3 gates" in shown
    comment = (tmp_path / "comment.md").read_text()
    assert "### prune-mi: passed all 3 gates" in comment
    assert "| `max-accuracy-drop` | ✅ passed |" in comment
    assert summary.read_text() == "# Before\n" + comment
    suite = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suite.tests, suite.failures) == (3, 0)


def _failed(found: dict[str, Any]) -> dict[str, str]:
    return {
        gate["name"]: gate["decision"] for gate in found["gates"] if gate["decision"] != "passed"
    }


def test_a_worse_and_larger_candidate_fails_with_what_and_by_how_much(
    digits_model: Path, noisy: dict[int, Path], tmp_path: Path
) -> None:
    gates = ["--max-accuracy-drop", "0.01", "--min-macs-reduction", "0.3", "--max-size", "1KB"]
    arguments = ["check", noisy[1], "--baseline", digits_model, "--data", "digits", *gates]
    arguments += ["--json", "--junit", tmp_path / "junit.xml", "--workers", "1"]
    first, again = (CliRunner().invoke(app, list(map(str, arguments))) for _ in range(2))
    assert first.exit_code == 6, first.output
    assert first.stdout == again.stdout  # the same verdict
    found = json.loads(first.stdout)
    assert not found["passed"]
    expected = dict.fromkeys(("max-accuracy-drop", "min-macs-reduction", "max-size"), "failed")
    assert _failed(found) == expected
    texts = {gate["name"]: gate["text"] for gate in found["gates"]}
    assert "0.0% less; asked for 30.0%" in texts["min-macs-reduction"]
    suite = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suite.tests, suite.failures) == (3, 3)


def test_equal_accuracy_with_many_changed_answers_fails(noisy: dict[int, Path]) -> None:
    one, other = _answers(noisy[1]), _answers(noisy[2])
    assert (one != other).mean() > 0.1
    gates = ["--max-accuracy-drop", "0.5", "--max-flips", "0.03", "--scaling", "unit"]
    code, shown, _ = _check(noisy[2], noisy[1], *gates)
    assert code == 6
    assert "passed --max-accuracy-drop" in shown and "failed --max-flips" in shown
    assert f"({int((one != other).sum())} of 449" in shown


def test_too_few_images_are_told_as_undecided(digits_model: Path) -> None:
    code, shown, _ = _check(digits_model, digits_model, "--max-accuracy-drop", "0.001")
    assert code == 6
    assert "undecided --max-accuracy-drop" in shown
    assert "test images would decide it" in shown


def test_images_that_the_run_selected_on_are_left_out(digits_model: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    keras.models.load_model(digits_model).save(run / "best.keras")
    digest = images_digest(load_dataset("digits").x_test)
    np.savez(run / "trained.npz", test_rows=np.arange(200), test_digest=digest)
    code, shown, _ = _check(run, digits_model, "--max-accuracy-drop", "0.01")
    assert code == 0, shown
    assert "200 of 449 test images are left out" in shown
    np.savez(run / "trained.npz", test_rows=np.arange(200), test_digest="of other images")
    code, shown, _ = _check(run, digits_model, "--max-accuracy-drop", "0.01")
    assert code == 0 and "left out" not in shown


def test_a_candidate_of_nan_is_measured_and_fails(digits_model: Path, tmp_path: Path) -> None:
    model = keras.models.load_model(digits_model)
    model.set_weights([np.full_like(each, np.nan) for each in model.get_weights()])
    model.save(tmp_path / "nan.keras")
    code, shown, _ = _check(tmp_path / "nan.keras", digits_model, "--max-flips", "0.1")
    assert code == 6
    assert "100.0 % of the answers changed" in shown


def test_bad_input_is_refused(digits_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.keras"
    broken.write_bytes(digits_model.read_bytes()[:2000])
    code, _, said = _check(broken, digits_model, "--max-flips", "0.1")
    assert code == 2 and "broken.keras" in said
    inputs = keras.Input((8, 8, 1))
    outputs = keras.layers.Dense(7, activation="softmax")(keras.layers.Flatten()(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "seven.keras")
    code, _, said = _check(digits_model, tmp_path / "seven.keras", "--max-flips", "0.1")
    assert code == 2 and "seven.keras" in said
    code, _, said = _check(tmp_path / "seven.keras", digits_model, "--max-flips", "0.1")
    assert code == 2
    assert "tells 7 classes apart" in said and "expected models with the same classes" in said
    code, _, said = _check(digits_model, digits_model)
    assert code == 2 and "there is nothing to check: no gate was given" in said
