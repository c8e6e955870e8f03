"""Model files: what is loaded, what is refused, and that what is written can be read."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from zoo import ZOO

from prune_mi.errors import ModelError, RunError
from prune_mi.keras_io.files import load_model, save_verified

pytestmark = pytest.mark.slow
PROBE = np.linspace(0, 1, 2 * 8 * 8 * 2, dtype="float32").reshape(2, 8, 8, 2)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_saved_model_loads_with_equal_outputs(tmp_path: Path, suffix: str) -> None:
    model = ZOO["residual"]()
    size = save_verified(model, tmp_path / f"best{suffix}", PROBE)
    loaded = load_model(tmp_path / f"best{suffix}")
    assert size == (tmp_path / f"best{suffix}").stat().st_size
    np.testing.assert_array_equal(np.asarray(loaded(PROBE)), np.asarray(model(PROBE)))
    assert [path.name for path in tmp_path.iterdir()] == [f"best{suffix}"]


def test_a_model_that_h5_cannot_hold_is_refused_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "best.h5"
    path.write_bytes(b"old")
    with pytest.raises(RunError, match=r"cannot write .*best.h5"):
        save_verified(ZOO["with_operations"](), path, PROBE)
    assert path.read_bytes() == b"old"


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file: .*absent.keras"):
        load_model(tmp_path / "absent.keras")


def test_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "notes.h5"
    path.write_text("weights, perhaps")
    with pytest.raises(ModelError, match=r"neither a .keras archive nor an HDF5 file"):
        load_model(path)


def test_weights_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    ZOO["chain"]().save_weights(path)
    with pytest.raises(ModelError, match="holds weights alone"):
        load_model(path)


def test_a_truncated_h5(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    ZOO["chain"]().save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match=r"model\.h5"):
        load_model(path)


def test_a_zip_that_is_no_keras_archive(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ModelError, match=r"cannot load .*model\.keras"):
        load_model(path)


def test_a_lambda_layer_is_refused(tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lambda x: x + 1)(inputs)
    path = tmp_path / "model.keras"
    keras.Model(inputs, outputs).save(path)
    with pytest.raises(ModelError, match="cannot load"):
        load_model(path)


def test_h5_content_under_another_name_is_told_to_be_renamed(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(ModelError, match=r"rename it to \*\.h5"):
        load_model(path)
