"""A model of which no whole layer can go: an honest no, or channels that go."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from prune_mi.cli import app
from prune_mi.data import load_dataset
from prune_mi.report import read_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plain_chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The net of beginners' courses: valid padding, pooling, growing channels, a dense head."""
    data = load_dataset("digits")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 16),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(24, activation="relu"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss)
    model.fit(data.x_train, data.y_train, epochs=5, verbose=0)
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    model.save(path)
    return path


def test_it_says_why_and_writes_the_original_out(plain_chain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = ["optimize", str(plain_chain), "--data", "digits", "--out", str(folder)]
    arguments += ["--mix", "deletion-by-rank"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3, result.output
    told = " ".join(result.output.split())
    assert "No whole layer that costs MACs can go" in told
    assert "changes the number of channels" in told
    assert "the head" in told
    assert "--continue-anyway" in told
    report = read_report(folder / "report.json")
    assert report.generations == ()
    assert report.images_trained == 0
    assert report.can_go_share == 0
    assert (folder / "best.keras").read_bytes() == plain_chain.read_bytes()


def test_channels_go_where_no_layer_can(plain_chain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = ["optimize", str(plain_chain), "--data", "digits", "--out", str(folder)]
    arguments += ["--target-macs", "0.5", "--target-params", "0.5", "--generations", "1"]
    arguments += ["--children", "4", "--child-epochs", "2", "--final-epochs", "1", "--workers", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    report = read_report(folder / "report.json")
    before, after = report.reference, report.result
    assert after.macs <= before.macs / 2 and after.num_params <= before.num_params / 2
    assert after.test_metric > before.test_metric - 0.05
    model = keras.models.load_model(folder / "best.keras")
    assert model.count_params() == after.num_params


def test_it_searches_where_that_is_asked_for(plain_chain: Path, tmp_path: Path) -> None:
    arguments = ["optimize", str(plain_chain), "--data", "digits", "--out", str(tmp_path / "run")]
    arguments += ["--continue-anyway", "--mix", "uniform", "--generations", "1", "--children", "2"]
    arguments += ["--child-epochs", "0.2", "--final-epochs", "0.2", "--workers", "1", "--quiet"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3, result.output
    assert "Nothing smaller stayed" in " ".join(result.output.split())
    model = keras.models.load_model(tmp_path / "run" / "best.keras")
    assert np.isfinite(model.predict(np.ones((1, 8, 8, 1)), verbose=0)).all()
