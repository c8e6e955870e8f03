"""Whole searches on digits: what is written and reported, and that they can be repeated."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from prune_mi import optimize
from prune_mi.cli import app
from prune_mi.commands.search import search_architecture
from prune_mi.config import read_yaml
from prune_mi.data.class_file import read_class_file
from prune_mi.errors import BudgetError, ConfigError, RunFolderError
from prune_mi.graph.cost import graph_cost
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.records import SearchReport, events
from prune_mi.report import read_search_report
from prune_mi.runs.log import effective, read_events
from prune_mi.search.selection import standard_error

pytestmark = pytest.mark.slow
CONFIGS = Path(__file__).parent.parent / "configs"
SHORT = {"generations": 1, "children": 2, "morphs": 2, "child_epochs": 1.0, "final_epochs": 1.0}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few handwritten digits, as bytes."""
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    arrays = {"x_train": images[:600], "y_train": labels[:600]}
    np.savez(path, **arrays, x_test=images[1500:], y_test=labels[1500:])
    return path


def _search(data: Path, out: Path, **settings: Any) -> SearchReport:
    return search_architecture(data=str(data), out=out, **{**SHORT, "workers": 1, **settings})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    """The folder of a search of several generations with an ensemble."""
    folder = tmp_path_factory.mktemp("runs") / "found"
    arguments = ["search", "--from-scratch", "--data", str(digits), "--out", str(folder)]
    arguments += ["--generations", "2", "--children", "2", "--child-epochs", "6", "--morphs", "3"]
    arguments += ["--morph-decay", "linear", "--final-epochs", "6", "--ensemble", "2"]
    arguments += ["--share-weights", "--mix", "adaptive", "--quiet", "--details"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"prune-mi predict {folder}/best.keras IMAGE.png" in result.output
    assert "ensemble of 2" in result.output
    assert "as DEIM 2019 counts them" in result.output
    return folder


def test_the_report_and_the_model_agree(found: Path, digits: Path) -> None:
    report = read_search_report(found / "report.json")
    model = keras.models.load_model(found / "best.keras")
    data = np.load(digits)
    answers = model.predict(data["x_test"], verbose=0).argmax(axis=1)
    right = float(np.mean(answers == data["y_test"]))
    assert report.result.test_metric == pytest.approx(right, abs=1e-6)
    assert report.num_unseen == len(data["y_test"])
    shares = np.bincount(data["y_test"]) / len(data["y_test"])
    assert report.chance == pytest.approx(shares.max())
    cost = graph_cost(trace_model(model))
    assert (report.result.num_params, report.result.macs) == (cost.num_params, cost.macs)
    assert report.result.test_metric > report.reference.test_metric + 0.1
    assert report.validation == "train"
    assert report.total_images > report.images_trained > 0
    assert report.training_s > 0
    assert report.lineage and report.stop_reason == "all 2 generations were made"


def test_the_best_never_worsens_on_validation(found: Path) -> None:
    told = effective(read_events(found / "events.jsonl")[0])
    accepted = [each.quality for each in told if isinstance(each, events.Accepted)]
    assert accepted == sorted(accepted) and accepted
    report = read_search_report(found / "report.json")
    # The final training may lose what is within the error of the 60 or so that validate.
    assert report.result.val_metric >= accepted[-1] - standard_error(accepted[-1], 50)
    first, second = report.generations
    sizes = [
        {len(each.morphs) for each in generation.children if each.morphs}
        for generation in (first, second)
    ]
    assert sizes == [{3}, {2}]


def test_the_ensemble_is_the_mean_of_its_members(found: Path, digits: Path) -> None:
    report = read_search_report(found / "report.json")
    data = np.load(digits)
    ensemble = keras.models.load_model(found / "ensemble.keras")
    best = keras.models.load_model(found / "best.keras")
    answers = ensemble.predict(data["x_test"], verbose=0)
    own = best.predict(data["x_test"], verbose=0)
    other = 2 * answers - own  # the second member's, if the first is the best
    np.testing.assert_allclose(other.sum(axis=1), 1, atol=1e-4)
    assert other.min() > -1e-4
    assert report.ensemble is not None and len(report.members) == 2
    right = float(np.mean(answers.argmax(axis=1) == data["y_test"]))
    assert report.ensemble.test_metric == pytest.approx(right, abs=1e-6)
    assert report.ensemble.num_params > report.result.num_params


def test_the_result_can_be_asked_about_a_file(found: Path, digits: Path, tmp_path: Path) -> None:
    described = read_class_file(found / "classes.json")
    assert described.classes == tuple(map(str, range(10)))
    assert (described.scaling, described.input) == ("none", (8, 8, 1))
    data = np.load(digits)
    Image.fromarray(data["x_test"][0, ..., 0]).save(tmp_path / "digit.png")
    arguments = ["predict", str(found), str(tmp_path / "digit.png"), "--json"]  # the run's folder
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)["images"][0]
    model = keras.models.load_model(found / "best.keras")
    expected = model.predict(data["x_test"][:1], verbose=0)[0]
    assert answer["class_name"] == str(expected.argmax())
    assert answer["probability"] == pytest.approx(float(expected.max()), abs=1e-3)


def test_deletion_by_mi_counts_its_trials_and_can_be_repeated(digits: Path, tmp_path: Path) -> None:
    settings = {"method": "mi", "mix": "nash", "seed": 3, "ranking": {"num_samples": 100}}
    settings |= {"children": 1, "morphs": 1}
    first, again = (_search(digits, tmp_path / name, **settings) for name in ("a", "b"))
    assert first.trials == 1
    assert 0 <= first.adoptions <= first.trials
    slimmed = [
        child
        for generation in first.generations
        for child in generation.children
        if child.name.endswith("s")
    ]
    assert len(slimmed) == first.trials
    assert {child.morphs[0].kind for child in slimmed} == {"remove-layer"}
    assert first.lineage == again.lineage
    assert first.result.val_metric == again.result.val_metric
    assert [each.children[0].morphs for each in first.generations] == [
        each.children[0].morphs for each in again.generations
    ]


def test_a_trained_model_may_be_the_start(digits_model: Path, tmp_path: Path) -> None:
    report = search_architecture(
        data="digits",
        model=digits_model,
        out=tmp_path / "run",
        **{**SHORT, "workers": 1, "children": 1, "mix": "deletion-heavy"},
    )
    assert report.start == str(digits_model)
    assert report.result.val_metric >= report.reference.val_metric
    assert (tmp_path / "run" / "best.keras").is_file()
    assert read_class_file(tmp_path / "run" / "classes.json").scaling == "unit"


# Those of optimize, and the three that the example of the paper's table reads: test_examples.
@pytest.mark.parametrize("name", ["deim2019_random", "search_fast"])
def test_settings_files_run_shortened(name: str, digits: Path, tmp_path: Path) -> None:
    path = CONFIGS / f"{name}.yaml"
    settings = read_yaml(path) | SHORT | {"children": 1, "workers": 1, "width": 8, "budget": None}
    settings["ranking"] = {**settings["ranking"], "num_samples": 60}
    report = search_architecture(**settings, data=str(digits), out=tmp_path / "run")
    assert report.method == settings["method"]
    assert report.generations and report.result.num_params > 0
    written = read_yaml(tmp_path / "run" / "config.yaml")
    assert written["mix"] == {"mi": "uniform", "random": "uniform", "default": "growth"}.get(
        report.method, settings["mix"] or "nash"
    )


def test_vectors_are_classified_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=300)
    values = rng.normal(size=(300, 6)).astype(np.float32) + 2 * np.eye(3, 6)[labels]
    path = tmp_path / "vectors.npz"
    arrays = {"x_train": values[:200], "y_train": labels[:200]}
    np.savez(path, **arrays, x_test=values[200:], y_test=labels[200:])
    settings = read_yaml(CONFIGS / "nash2017.yaml") | {"child_epochs": 20.0, "budget": None}
    settings |= {"children": 1, "generations": 1, "final_epochs": 1.0}
    settings["training"] = {**settings["training"], "augmentation": "auto"}
    report = _search(path, tmp_path / "run", **settings)
    assert report.result.test_metric > 0.6
    assert report.files == ("best.keras",)
    assert not (tmp_path / "run" / "classes.json").exists()


def test_a_budget_is_kept_whatever_is_asked_for(digits: Path, tmp_path: Path) -> None:
    settings = {"children": 30, "generations": 30, "patience": 30, "child_epochs": 50.0}
    report = _search(digits, tmp_path / "run", budget=25, method="nash", **settings)
    assert report.elapsed_s < 110  # compiling a training cannot be interrupted
    assert len(report.generations) < 30
    assert report.stop_reason == "the rest of the budget is kept for the final training"
    assert sum("in each round, instead of 30 (--children)" in note for note in report.notes) == 1


@pytest.mark.thorough  # so can the next but one, and the loop without Keras
def test_the_default_method_can_be_repeated(digits: Path, tmp_path: Path) -> None:
    settings = {"children": 1, "mix": "adaptive", "share_weights": True, "generations": 2}
    first, again = (_search(digits, tmp_path / name, **settings) for name in ("a", "b"))
    assert first.lineage == again.lineage
    assert first.result == again.result
    told = [
        [
            (child.name, child.morphs, child.trained_quality, child.verdict)
            for child in each.children
        ]
        for each in (*first.generations, *again.generations)
    ]
    assert told[:2] == told[2:]
    # As many as are finished: so short a heat would not tell one child from another.
    assert {len(each.children) for each in first.generations} == {2}


def test_no_child_of_the_default_method_costs_far_more_than_its_parent(
    digits: Path, tmp_path: Path
) -> None:
    settings = {"mix": {"widen-conv": 1.0}, "morphs": 8, "children": 1, "generations": 2}
    report = _search(digits, tmp_path / "run", **settings)
    costs = [child.macs for each in report.generations for child in each.children]
    assert report.reference.macs < max(costs) <= 13 * report.reference.macs


def test_a_full_run_folder_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="is not empty"):
        search_architecture(data="nowhere.npz", out=tmp_path)
    with pytest.raises(RunFolderError, match="is not empty"):
        optimize("nowhere.keras", data="nowhere.npz", out=tmp_path)


def test_a_seed_may_get_a_second_convolution(digits: Path, tmp_path: Path) -> None:
    """As wide as the first one, it costs many times as much: the first reads one channel."""
    settings = {"mix": {"insert-conv": 1.0}, "morphs": 1, "children": 1}
    report = _search(digits, tmp_path / "run", **settings)
    (generation,) = report.generations
    grown = [child for child in generation.children if child.morphs]
    assert [morph.kind for morph in grown[0].morphs] == ["insert-conv"]
    assert grown[0].macs > 10 * report.reference.macs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "received neither of --from-scratch and --from"),
        (["--from-scratch", "--from", "model.keras"], "received both --from-scratch and --from"),
        (["--from", "nowhere.keras"], "nowhere.keras"),
        (["--from-scratch", "--mix", "best"], "unknown mix 'best'; expected one of"),
        (["--from-scratch", "--method", "best"], "`--method` is 'best'"),
        (["--from-scratch", "--morph-decay", "sudden"], "`--morph-decay` is 'sudden'"),
        (["--from-scratch", "--image-size", "9"], "`--image-size` is '9'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    given = ["search", *arguments, "--data", "digits", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "run").exists()


def test_what_a_search_cannot_do_is_refused(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no trained model to learn from; expected 0"):
        _search(digits, tmp_path / "a", training={"distillation": 0.5})
    with pytest.raises(BudgetError, match=r"the budget of 2 s is too short: .* --budget 120s"):
        _search(digits, tmp_path / "b", budget=2)
    with pytest.raises(ConfigError, match=r"`scaling` is 'unit' in a search from scratch"):
        _search(digits, tmp_path / "d", scaling="unit")
    with pytest.raises(ConfigError, match=r"`max_params` is 50, but .* has \d+ weights"):
        _search(digits, tmp_path / "e", max_params=50)
    with pytest.raises(ConfigError, match="cannot fall from 2 to 4"):
        _search(digits, tmp_path / "c", morphs=2, morphs_final=4, morph_decay="linear")
