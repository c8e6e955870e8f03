import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prune_mi.data import load_dataset
from prune_mi.data.sources import require_named
from prune_mi.errors import DataError


def test_digits() -> None:
    dataset = load_dataset("digits")
    assert dataset.x_train.shape == (1011, 8, 8, 1)
    assert dataset.x_val is not None and dataset.x_val.shape == (337, 8, 8, 1)
    assert dataset.x_test.shape == (449, 8, 8, 1)
    assert dataset.x_train.dtype == np.float32
    assert (dataset.x_train.min(), dataset.x_train.max()) == (0, 16)
    assert dataset.num_classes == 10
    assert np.bincount(dataset.y_test).min() >= 43


def test_cifar10_from_the_file_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.npz"
    images = np.zeros((10, 32, 32, 3), np.uint8)
    labels = np.arange(10)[:, None]
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    monkeypatch.setenv("PRUNE_MI_CIFAR10", str(path))
    dataset = load_dataset("cifar10")
    assert dataset.source == "cifar10"
    assert dataset.class_names[3] == "cat"
    assert dataset.y_test.tolist() == list(range(10))
    assert dataset.notes == (f"cifar10 is read from {path}, which PRUNE_MI_CIFAR10 names",)


def test_the_environment_names_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNE_MI_CIFAR10", str(tmp_path / "none.npz"))
    with pytest.raises(DataError, match=r"PRUNE_MI_CIFAR10 names .*none\.npz, where there is no"):
        load_dataset("cifar10")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cifar", r"cannot use the data 'cifar': there is no such name.*did you mean 'cifar10'\?"),
        ("fashion-mnist", r"did you mean 'fashion_mnist'\?"),
        ("MNIST", r"did you mean 'mnist'\?"),
        (
            "nowhere.npz",
            r"no such name, file or folder; expected cifar10, fashion_mnist, mnist, dig",
        ),
        ("", r"an \.npz file|class folders"),
        ("a\0b", r"cannot (read|use) the data"),
        ("x" * 5000, r"cannot (read|use) the data"),
    ],
)
def test_anything_else_is_refused(spec: str, message: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(DataError, match=message):
            load_dataset(spec)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_text("1,2,3")
    with pytest.raises(DataError, match=r"data\.txt': it is no \.npz, \.csv or \.yaml f"):
        load_dataset(str(path))


@pytest.mark.slow
def test_a_failed_download_says_what_to_do(tmp_path: Path) -> None:
    """Runs apart, where no proxy answers."""
    nowhere = "http://127.0.0.1:9"
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    environment |= {
        "KERAS_HOME": str(tmp_path),
        "http_proxy": nowhere,
        "https_proxy": nowhere,
        "PRUNE_MI_CIFAR10": "",
    }
    script = (
        "from prune_mi.data import load_dataset\n"
        "from prune_mi.errors import DataError\n"
        "for name in ('mnist', 'cifar10'):\n"
        "    try:\n"
        "        load_dataset(name)\n"
        "    except DataError as error:\n"
        "        print(error)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "cannot get mnist from keras.datasets" in done.stdout
    assert "connect to the internet" in done.stdout
    assert "or name a file with PRUNE_MI_CIFAR10" in done.stdout


def test_importing_the_package_imports_no_keras() -> None:
    script = "import sys, prune_mi.data; print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_is_not_there_is_known_without_loading(tmp_path: Path) -> None:
    require_named("digits")
    require_named(str(tmp_path))
    with pytest.raises(DataError, match="there is no such name, file or folder; did you mean"):
        require_named("cifar")
    with pytest.raises(DataError, match="there is no such name, file or folder"):
        require_named(str(tmp_path / "nowhere"))


def test_classes_that_are_not_wanted_are_left_out() -> None:
    data = load_dataset("digits", choose_form=lambda labels: "none")
    assert data.form == "none" and not data.y_train.any() and not data.class_names


def test_named_data_have_classes_alone() -> None:
    with pytest.raises(DataError, match="digits has one class for each image; expected numbers"):
        load_dataset("digits", choose_form=lambda labels: "numbers")
