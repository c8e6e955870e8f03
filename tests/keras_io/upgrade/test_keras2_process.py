"""The process of Keras 2: what it is told, and what is made of its failures."""

import sys
from pathlib import Path
from typing import Any

import h5py
import pytest

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.model_file import ModelFile
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.keras_io.upgrade import keras2_process
from prune_mi.keras_io.upgrade.keras2_process import describe_with_keras2

pytestmark = pytest.mark.slow


def _file(path: Path, **more: Any) -> ModelFile:
    parts = {"kind": "h5", "config": {}, "num_bytes": 100}
    return ModelFile(path=path, writer="2.12.0", compile_config=None, **{**parts, **more})


def test_what_keras_2_says_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = '{"class_name": "Sequential", "config": {"layers": 3}}'
    with pytest.raises(ModelError, match=r"cannot open .*m\.h5 with Keras 2: \w+Error: "):
        describe_with_keras2(_file(path), Trust())


def test_too_many_weights_are_refused_there_too(tmp_path: Path) -> None:
    wide = '{"class_name": "Dense", "config": {"units": 100000, "name": "%s", "batch_input_shape": '
    layers = ", ".join(wide % name + "[null, 100000]}}" for name in ("a", "b"))
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = (
            f'{{"class_name": "Sequential", "config": {{"name": "m", "layers": [{layers}]}}}}'
        )
    with pytest.raises(ModelError, match=r"asks for more than [\d,]+ weights, far more than the"):
        describe_with_keras2(_file(path), Trust())


def test_a_process_that_dies_is_told_from_one_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'Killed by the system' >&2\nkill -9 $$\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(ModelError, match=r"ended with code -9 \(Killed by the system\)"):
        describe_with_keras2(_file(tmp_path / "m.h5"), Trust())


def test_a_process_that_does_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(keras2_process, "_MOST_S", 0.2)
    with pytest.raises(ModelError, match=r"did not answer within 0 minutes and was ended"):
        describe_with_keras2(_file(tmp_path / "m.h5"), Trust())


def test_custom_objects_that_fail_there(tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text("import keras\n\nkeras.ops.relu\n")  # Keras 2 has no keras.ops
    with pytest.raises(ModelError, match=r"cannot import the custom objects .*mine\.py.*ops"):
        describe_with_keras2(_file(tmp_path / "m.h5"), Trust(custom_objects=str(code)))
