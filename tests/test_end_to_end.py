"""Whole runs on digits: what is written, what is reported, how they end."""

import json
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import prune_mi
from prune_mi.cli import app
from prune_mi.config import read_yaml
from prune_mi.data import load_dataset
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.preparation.selected_on import selected_on
from prune_mi.records import events
from prune_mi.report import read_report
from prune_mi.runs.log import effective, read_events

pytestmark = pytest.mark.slow
CONFIGS = Path(__file__).parent.parent / "configs"
FACTS = (
    "test_metric",
    "full_test_metric",
    "val_metric",
    "num_params",
    "macs",
    "num_layers",
    "size_bytes",
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory, dense_model: Path) -> Path:
    """The folder of a short run from h5, with the settings file as it stands, that ends smaller."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    model = folder.parent / "model.h5"
    keras.models.load_model(dense_model).save(model)
    arguments = ["optimize", str(model), "--data", "digits", "--out", str(folder)]
    arguments += ["--config", str(CONFIGS / "optimize_default.yaml")]
    arguments += ["--max-accuracy-drop", "0.05", "--generations", "2", "--children", "3"]
    arguments += ["--child-epochs", "2", "--final-epochs", "1", "--quiet"]
    arguments += ["--gate", "max-accuracy-drop=0.5", "--gate", "max-size=1MB"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "Smaller" in result.output
    assert "passed    --gate max-size: the file has" in result.output
    return folder


def test_the_report_has_everything(whole_run: Path) -> None:
    report = json.loads((whole_run / "report.json").read_text())
    for name in ("reference", "control", "result"):
        for fact in FACTS:
            assert report[name][fact] >= 0, (name, fact)
        assert report[name]["test_metric"] <= 1
    assert report["input_scaling"] == "unit"
    assert report["seed"] == 0
    assert report["images_trained"] > 0
    assert report["elapsed_s"] > 0
    assert report["stop_reason"]
    assert report["versions"]["keras"] == keras.__version__
    assert report["result"]["macs"] < report["reference"]["macs"]
    assert len(report["removals"]) >= 1
    assert all(each["reason"] for each in report["removals"])


def test_the_result_is_held_to_gates_on_images_that_selection_has_not_seen(whole_run: Path) -> None:
    report = read_report(whole_run / "report.json")
    drop, size = report.gates
    assert (drop.name, drop.decision) == ("max-accuracy-drop", "passed")
    lost = report.reference.test_metric - report.result.test_metric
    assert drop.value == pytest.approx(lost)
    assert size.value == (whole_run / "best.keras").stat().st_size
    data = load_dataset("digits")
    seen = selected_on(whole_run / "best.keras", data.x_test)
    with np.load(whole_run / "trained.npz") as written:
        validated = len(written["weights"])
    assert seen.sum() == (validated if report.validation == "test" else 0)
    assert f"on {len(seen) - seen.sum()} test images" in drop.text


def test_a_criterion_named_on_the_command_line(tmp_path: Path, dense_model: Path) -> None:
    arguments = ["optimize", str(dense_model), "--data", "digits", "--out", str(tmp_path / "run")]
    arguments += ["--config", str(CONFIGS / "optimize_fast.yaml"), "--criterion", "gate", "--quiet"]
    arguments += ["--max-accuracy-drop", "0.9", "--generations", "1", "--children", "2"]
    arguments += ["--child-epochs", "0.5", "--final-epochs", "0.5", "--workers", "1"]
    arguments += ["--mix", "deletion-by-rank", "--no-control", "--budget", "5m"]
    arguments += ["--gate", "min-params-reduction=0.99"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 6, result.output
    assert "failed    --gate min-params-reduction: params:" in result.output
    ranking = read_yaml(tmp_path / "run" / "config.yaml")["ranking"]
    own = read_yaml(CONFIGS / "optimize_fast.yaml")["ranking"]
    left = {"num_clusters": None, "channel_criterion": "information"}
    assert ranking == {**left, **own, "criterion": "gate"}
    report = read_report(tmp_path / "run" / "report.json")
    assert all(" (share), " in each.reason for each in report.removals)
    assert report.removals


def test_the_result_stays_within_the_allowed_drop(whole_run: Path) -> None:
    report = read_report(whole_run / "report.json")
    floor = report.reference.val_metric - report.max_accuracy_drop
    assert report.result.val_metric >= floor


def test_every_child_is_reported_and_among_the_events(whole_run: Path) -> None:
    report = read_report(whole_run / "report.json")
    reported = [child.name for generation in report.generations for child in generation.children]
    told = effective(read_events(whole_run / "events.jsonl")[0])
    proposed = [each.name for each in told if isinstance(each, events.Proposed)]
    assert sorted(proposed) == sorted(reported)
    assert any(child.verdict == "accepted" for g in report.generations for child in g.children)


def test_the_written_models_are_the_reported_one(whole_run: Path) -> None:
    report = read_report(whole_run / "report.json")
    assert report.files == ("best.keras", "best.h5")
    data = load_dataset("digits")
    for name in report.files:
        model = keras.models.load_model(whole_run / name, compile=False)
        cost = graph_cost(trace_model(model))
        assert (cost.num_params, cost.macs, cost.num_layers) == (
            report.result.num_params,
            report.result.macs,
            report.result.num_layers,
        )
        outputs = model.predict(data.x_test / 16.0, verbose=0)
        right = float(np.mean(outputs.argmax(axis=1) == data.y_test))
        assert right == pytest.approx(report.result.full_test_metric, abs=1e-9)


def test_only_the_documented_files_are_left(whole_run: Path) -> None:
    names = sorted(path.name for path in whole_run.iterdir())
    models = ["best.h5", "best.keras", "classes.json"]
    assert names == [
        *models,
        "config.yaml",
        "events.jsonl",
        "report.json",
        "selection.npz",
        "trained.npz",
        "weights",
    ]


def test_the_choice_can_be_made_again_from_what_is_written(whole_run: Path) -> None:
    report = read_report(whole_run / "report.json")
    with np.load(whole_run / "trained.npz") as written:
        trained = {
            child.name: child.trained_quality
            for generation in report.generations
            for child in generation.children
            if child.trained_quality is not None
        }
        accuracies = written["scores"].mean(axis=1)
        found = dict(zip(written["names"].tolist(), accuracies, strict=True))
        assert found.pop("result") == pytest.approx(report.result.val_metric)
        assert found == pytest.approx(trained)
        assert written["original"].mean() == pytest.approx(report.reference.val_metric)
    limit = report.limit
    assert limit.drop == pytest.approx(report.reference.val_metric - report.result.val_metric)
    assert limit.drop + limit.kept_back <= limit.allowed + 1e-9
    assert limit.probability is not None and 0.5 < limit.probability <= 1
    weights = [each.num_images for each in report.classes]
    results = [each.result for each in report.classes]
    assert np.average(results, weights=weights) == pytest.approx(report.result.test_metric)
    assert np.mean(results) == pytest.approx(report.result.metrics["balanced"])


def test_the_resolved_settings_run_again(
    whole_run: Path, dense_model: Path, tmp_path: Path
) -> None:
    arguments = ["optimize", str(dense_model), "--config", str(whole_run / "config.yaml")]
    arguments += ["--out", str(tmp_path / "again"), "--generations", "1", "--children", "2"]
    arguments += ["--child-epochs", "1", "--final-epochs", "1"]
    arguments += ["--no-control", "--json", "--workers", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code in (0, 3), result.output
    assert json.loads(result.stdout)["control"] is None


def test_nothing_smaller_writes_the_original(dense_model: Path, tmp_path: Path) -> None:
    """From Python, which gets the report that is written."""
    report = prune_mi.optimize(
        dense_model,
        data="digits",
        out=tmp_path / "run",
        mix={"insert-batch-norm": 1.0},
        generations=1,
        children=2,
        child_epochs=0.5,
        final_epochs=0.5,
        workers=1,
        gates={"min_macs_reduction": 0.1},
    ).report
    assert [each.decision for each in report.gates] == ["failed"]
    assert report == read_report(tmp_path / "run" / "report.json")
    assert not report.smaller
    assert report.result == report.reference
    images = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 1)).astype("float32")
    expected = keras.models.load_model(dense_model)(images)
    received = keras.models.load_model(tmp_path / "run" / "best.keras")(images)
    np.testing.assert_array_equal(np.asarray(received), np.asarray(expected))


def test_demo_shrinks_its_network(tmp_path: Path) -> None:
    """And ends with a gate that its test images can decide."""
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo"), "--quiet"])
    assert result.exit_code == 0, result.output
    report = read_report(tmp_path / "demo" / "report.json")
    assert report.result.num_params <= 0.6 * report.reference.num_params
    accuracy = report.reference.full_test_metric
    assert report.result.full_test_metric >= accuracy - 0.02
    line = result.output.splitlines()[-1]
    assert line.startswith("  prune-mi check ")
    checked = CliRunner().invoke(app, [*shlex.split(line)[1:], "--quiet"])
    assert checked.exit_code == 0, checked.output
    assert "Passed all 2 gates." in checked.output
