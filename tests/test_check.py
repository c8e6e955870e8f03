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
from prune_mi.keras_io.files.archive import write_provenance
from prune_mi.preparation.roles import Roles
from prune_mi.preparation.selected_on import write_selection

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
    arguments += ["--scaling", "unit"]
    first, again = (CliRunner().invoke(app, list(map(str, arguments))) for _ in range(2))
    assert first.exit_code == 6, first.output
    assert first.stdout == again.stdout  # the same verdict
    found = json.loads(first.stdout)
    assert not found["passed"]
    expected = dict.fromkeys(("max-accuracy-drop", "min-macs-reduction", "max-size"), "failed")
    assert _failed(found) == expected
    texts = {gate["name"]: gate["text"] for gate in found["gates"]}
    assert "0.0 % less; asked for 30 % less" in texts["min-macs-reduction"]
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


def test_images_that_the_run_selected_on_are_left_out(
    digits_model: Path, noisy: dict[int, Path], tmp_path: Path
) -> None:
    """Of the candidate's answers only those on such images are wrong, in another test set."""
    run, data = tmp_path / "run", load_dataset("digits")
    run.mkdir()
    (run / "best.keras").write_bytes(noisy[1].read_bytes())
    differs = _answers(noisy[1]) != _answers(digits_model)
    seen = np.flatnonzero(differs)
    assert len(seen) > 10
    write_selection(run / "selection.npz", _roles(seen, len(data.y_test)), data)
    gates = ["--max-flips", "0.01", "--scaling", "unit"]
    code, shown, _ = _check(run, digits_model, *gates)
    assert code == 0, shown
    assert f"{len(seen)} of 449 test images are left out" in shown
    assert f"(0 of {449 - len(seen)}, 0 from right to wrong)" in shown
    fewer = tmp_path / "fewer.npz"  # without some images, and with one that is new
    x_test = np.concatenate([data.x_test[5:], data.x_test[:1][:, ::-1]])
    y_test = np.concatenate([data.y_test[5:], data.y_test[:1]])
    np.savez(fewer, x_train=data.x_train, y_train=data.y_train, x_test=x_test, y_test=y_test)
    code, shown, _ = _run("check", run, "--baseline", digits_model, "--data", fewer, *gates)
    assert f"{(seen >= 5).sum()} of 445 test images are left out" in shown


def test_a_run_that_does_not_say_what_it_selected_on(digits_model: Path, tmp_path: Path) -> None:
    run, gates = tmp_path / "run", ["--max-flips", "0.1", "--scaling", "unit"]
    run.mkdir()
    (run / "best.keras").write_bytes(digits_model.read_bytes())
    (run / "report.json").write_text('{"validation": "test"}')
    code, shown, _ = _check(run, digits_model, *gates)
    assert code == 0 and "there is no selection.npz beside it that says on which" in shown
    (run / "report.json").unlink()
    code, shown, _ = _check(run, digits_model, *gates)
    assert code == 0 and "selection.npz" not in shown
    write_provenance(run / "best.keras", {"validation": "test"})  # as a run does
    keras.models.load_model(run / "best.keras")
    code, shown, _ = _check(run, digits_model, *gates)
    assert code == 0 and "there is no selection.npz beside it" in shown
    write_selection(run / "selection.npz", _roles(np.arange(50), 449), load_dataset("digits"))
    (run / "selection.npz").write_bytes(b"{}")
    code, _, said = _check(run, digits_model, *gates)
    assert code == 2 and "selection.npz, which says which test images" in said


def _roles(seen: np.ndarray, num: int) -> Roles:
    return Roles(np.arange(3), seen, np.setdiff1d(np.arange(num), seen), "test", "")


def test_a_candidate_has_the_classes_in_the_baselines_order(
    digits_model: Path, tmp_path: Path
) -> None:
    """`classes.json` lies beside the baseline alone."""
    data, order = load_dataset("digits"), np.random.default_rng(0).permutation(10)
    place = np.argsort(order)  # what was class c is now told as place[c]
    path, old = tmp_path / "data.npz", tmp_path / "old"
    np.savez(
        path, x_train=data.x_train, y_train=place[data.y_train],
        x_test=data.x_test, y_test=place[data.y_test],
    )  # fmt: skip
    old.mkdir()
    (old / "model.keras").write_bytes(digits_model.read_bytes())
    names = [str(label) for label in place]
    told = {"classes": names, "scaling": "unit", "pixel_range": 16.0, "input": [8, 8, 1]}
    (old / "classes.json").write_text(json.dumps(told))
    gates = ["--max-flips", "0.01", "--max-accuracy-drop", "0.02"]
    code, shown, said = _run(
        "check", digits_model, "--baseline", old / "model.keras", "--data", path, *gates
    )
    assert code == 0, shown + said


def test_a_candidate_of_nan_is_measured_and_fails(digits_model: Path, tmp_path: Path) -> None:
    model = keras.models.load_model(digits_model)
    model.set_weights([np.full_like(each, np.nan) for each in model.get_weights()])
    model.save(tmp_path / "nan.keras")
    code, shown, _ = _check(tmp_path / "nan.keras", digits_model, "--max-flips", "0.1")
    assert code == 6
    assert "100.0 % of the answers changed" in shown


def test_a_baseline_of_weights_alone_has_its_architecture_beside_it(
    digits_model: Path, tmp_path: Path
) -> None:
    model = keras.models.load_model(digits_model)
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "old.weights.h5")
    gates = ["--max-flips", "0.01", "--model-json", tmp_path / "model.json"]
    code, shown, said = _check(digits_model, tmp_path / "old.weights.h5", *gates)
    assert code == 0, shown + said


def test_a_baseline_that_works_only_with_other_statistics_is_refused(
    digits_model: Path, tmp_path: Path
) -> None:
    model = keras.models.load_model(digits_model)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(np.full(layer.moving_mean.shape, 3.0))
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, 0.01))
    model.save(tmp_path / "stale.keras")
    code, _, said = _check(digits_model, tmp_path / "stale.keras", "--max-flips", "0.1")
    assert code == 2 and "prune-mi recalibrate" in said, said


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
    gone = tmp_path / "missing" / "comment.md"
    code, _, said = _check(digits_model, digits_model, "--max-flips", "0.1", "--markdown", gone)
    assert code == 2 and "make it first" in said
    model_json = tmp_path / "model.json"
    model_json.write_text(keras.models.load_model(digits_model).to_json())
    gates = ["--max-flips", "0.1", "--model-json", model_json]
    code, _, said = _check(digits_model, digits_model, *gates)
    assert code == 2 and "has an architecture of its own" in said
    code, _, said = _check(digits_model, digits_model)
    assert code == 2 and "there is nothing to check: no gate was given" in said
