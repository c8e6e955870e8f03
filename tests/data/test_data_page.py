"""The examples of docs/data.md, each loaded as it stands."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tfrecord_files import example, records

from prune_mi.data import LabelForm, load_dataset
from prune_mi.data.labels import as_classes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"
_BLOCK = re.compile(
    r"<!-- run by: tests/data/test_data_page\.py -->\n```(\w+)\n(.*?)```", re.DOTALL
)
BLOCKS = _BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def of_kind(kind: str) -> list[str]:
    return [text for found, text in BLOCKS if found == kind]


def test_all_examples_are_known() -> None:
    assert [kind for kind, _ in BLOCKS] == ["csv", "csv", "python", "python", "python", "yaml"]


@pytest.mark.parametrize(
    ("text", "form"), [*zip(of_kind("csv"), ("classes", "flags"), strict=True)]
)
def test_csv_files(tmp_path: Path, text: str, form: LabelForm) -> None:
    (tmp_path / "photos").mkdir()
    for each in range(1, 6):
        Image.fromarray(np.full((4, 4), each, np.uint8)).save(tmp_path / f"photos/{each}.png")
    (tmp_path / "labels.csv").write_text(text)
    data = load_dataset(str(tmp_path / "labels.csv"), choose_form=lambda labels: form)
    assert data.class_names == (("daisy", "rose") if form == "classes" else ("sunny", "people"))
    assert len(data.x_train) + len(data.x_test) == text.count("png")


def test_functions(tmp_path: Path) -> None:
    arrays, samples, _ = of_kind("python")
    for text, num_val in ((arrays, None), (samples, 20)):
        (tmp_path / "mypipe.py").write_text(text)
        data = load_dataset(f"{tmp_path}/mypipe.py:data")
        assert data.x_train.shape == (80, 8, 8, 1) and len(data.x_test) == 20
        assert (None if data.y_val is None else len(data.y_val)) == num_val


def test_from_python() -> None:
    x, y = np.zeros((20, 4, 4, 1), np.uint8), np.arange(20) % 2
    there: dict[str, Any] = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    exec(of_kind("python")[2], there)
    assert there["data"].form == as_classes(y)


def test_tfrecords(tmp_path: Path) -> None:
    found = records([example(pixels=bytes(range(64)), label=each % 2) for each in range(4)])
    assert struct.unpack("<Q", found[:8])[0] > 64
    for name in ("train-0", "train-1", "test"):
        (tmp_path / f"{name}.tfrecord").write_bytes(found)
    (tmp_path / "data.yaml").write_text(of_kind("yaml")[0])
    data = load_dataset(str(tmp_path / "data.yaml"))
    assert data.x_train.shape == (8, 8, 8, 1) and data.y_test.tolist() == [0, 1, 0, 1]
