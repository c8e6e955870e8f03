"""Fixtures: files that Keras 2 wrote, and what Keras 2 says of them, each from one process."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from prune_mi.keras_io.loading.load import LoadedModel

HERE = Path(__file__).parent / "keras_io"
CUSTOM_LAYERS = HERE / "custom_layers.py"


@dataclass(frozen=True)
class OldFile:
    """A file of Keras 2, and how it is to be opened."""

    path: Path
    options: dict[str, Any]

    @property
    def answer(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """An input, and what Keras 2 answers to it."""
        stem = self.path.name.partition(".")[0]
        with np.load(self.path.parent / f"{stem}.npz") as file:
            arrays = dict(file)
        return tuple(
            [array for key, array in arrays.items() if key.startswith(kind)]
            for kind in ("input_", "output_")
        )


@pytest.fixture(scope="session")
def old_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that `write_keras2_models.py` wrote."""
    folder = tmp_path_factory.mktemp("keras2")
    _run([str(HERE / "write_keras2_models.py"), str(folder)])
    return folder


@pytest.fixture(scope="session")
def old_files(old_folder: Path) -> dict[str, OldFile]:
    """The files by the names they have in the script, and how each is opened."""
    files = {}
    for answer in sorted(old_folder.glob("*.npz")):
        name = answer.stem
        written = [path for path in old_folder.iterdir() if path.name.partition(".")[0] == name]
        model = next(path for path in written if path.suffix not in (".npz", ".json"))
        options: dict[str, Any] = {}
        if name.endswith("_apart"):
            options["model_json"] = old_folder / f"{name}.json"
        if name in ("custom", "digits"):
            options["custom_objects"] = str(CUSTOM_LAYERS)
        files[name] = OldFile(model, options)
    return files


@pytest.fixture(scope="session")
def descriptions(
    old_files: dict[str, OldFile], tmp_path_factory: pytest.TempPathFactory
) -> dict[Path, Path]:
    """For each file the folder in which Keras 2 describes it; all in one process, to save time."""
    from prune_mi.keras_io.files.model_file import read_model_file
    from prune_mi.keras_io.runtime.trust import Trust
    from prune_mi.keras_io.upgrade.keras2_process import write_request

    folders = {}
    for name, file in old_files.items():
        folder = folders[file.path] = tmp_path_factory.mktemp(f"described-{name}")
        trust = Trust(
            allow_unsafe=name == "with_code", custom_objects=file.options.get("custom_objects")
        )
        looked_at = read_model_file(file.path, file.options.get("model_json"))
        write_request(looked_at, trust, folder)
    start = "import sys; from pathlib import Path; from prune_mi.keras2.__main__ import main\n"
    _run(["-c", f"{start}for each in sys.argv[1:]: main(Path(each))", *map(str, folders.values())])
    return folders


@pytest.fixture
def described(descriptions: dict[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Has `load_model` take descriptions from there instead of starting a process."""
    from prune_mi.keras_io.loading import load
    from prune_mi.keras_io.upgrade.description import read_description

    def read(file: Any, trust: Any) -> Any:
        return read_description(descriptions[file.path])

    monkeypatch.setattr(load, "describe_with_keras2", read)


@pytest.fixture
def open_old(
    old_files: dict[str, OldFile], described: None, own_objects: None
) -> Callable[..., "LoadedModel"]:
    """Opens one of the files by its name."""
    from prune_mi.keras_io.loading.load import load_model

    def open_one(name: str, **options: Any) -> "LoadedModel":
        return load_model(old_files[name].path, **{**old_files[name].options, **options})

    return open_one


@pytest.fixture
def own_objects() -> Iterator[None]:
    """Forgets after a test which of the user's classes it made known."""
    import keras

    known = keras.saving.get_custom_objects()
    before = dict(known)
    yield
    known.clear()
    known.update(before)


def _run(arguments: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{arguments[0]} failed:\n{done.stderr[-3000:]}")
