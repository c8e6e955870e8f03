"""What is written can be read, and leaves the old file where it cannot."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from zoo import ZOO

from prune_mi.errors import RunError
from prune_mi.keras_io.saving.save import h5_can_hold, save_verified

pytestmark = pytest.mark.slow
PROBE = np.linspace(0, 1, 2 * 8 * 8 * 2, dtype="float32").reshape(2, 8, 8, 2)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_saved_model_loads_with_equal_outputs(tmp_path: Path, suffix: str) -> None:
    model = ZOO["residual"]()
    size = save_verified(model, tmp_path / f"best{suffix}", PROBE)
    loaded = keras.models.load_model(tmp_path / f"best{suffix}", compile=False)
    assert size == (tmp_path / f"best{suffix}").stat().st_size
    np.testing.assert_array_equal(np.asarray(loaded(PROBE)), np.asarray(model(PROBE)))
    assert [path.name for path in tmp_path.iterdir()] == [f"best{suffix}"]


def test_a_model_that_h5_cannot_hold_is_refused_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "best.h5"
    path.write_bytes(b"old")
    with pytest.raises(RunError, match=r"cannot write .*best.h5"):
        save_verified(ZOO["with_operations"](), path, PROBE)
    assert path.read_bytes() == b"old"


def test_h5_holds_layers_alone() -> None:
    assert h5_can_hold(ZOO["residual"]())
    assert h5_can_hold(ZOO["chain"]())
    assert not h5_can_hold(ZOO["with_operations"]())


def test_inputs_and_outputs_may_have_a_structure(tmp_path: Path) -> None:
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((3,), name="b")}
    model = keras.Model(inputs, {"sum": keras.layers.Add()([inputs["a"], inputs["b"]])})
    probe = {"a": np.ones((2, 3)), "b": np.ones((2, 3))}
    assert save_verified(model, tmp_path / "model.keras", probe) > 0


def test_a_file_that_loads_with_other_outputs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_model = keras.models.load_model

    def load_wrongly(*args: Any, **kwargs: Any) -> keras.Model:
        model = load_model(*args, **kwargs)
        model.set_weights([weight + 0.01 for weight in model.get_weights()])
        return model

    monkeypatch.setattr(keras.models, "load_model", load_wrongly)
    with pytest.raises(
        RunError, match=r"the file loads, but its outputs differ by 0\.\d+ \(relative\)"
    ):
        save_verified(ZOO["residual"](), tmp_path / "best.keras", PROBE)
    assert list(tmp_path.iterdir()) == []
