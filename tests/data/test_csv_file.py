from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prune_mi.data import Dataset, LabelForm, load_dataset
from prune_mi.errors import DataError

NUM_IMAGES = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for each in range(NUM_IMAGES):
        Image.fromarray(np.full((4, 4), each, np.uint8)).save(tmp_path / "photos" / f"{each}.png")
    return tmp_path


def load(folder: Path, text: str, form: LabelForm = "classes", **options: Any) -> Dataset:
    path = folder / "labels.csv"
    path.write_text(text)
    return load_dataset(
        str(path), image_shape=(4, 4, 1), choose_form=lambda labels: form, **options
    )


def rows(*columns: object) -> str:
    """Lines for all images: their file, and the cell that each function gives for its number."""
    told = [["file", *(name for name, _ in columns)]]  # type: ignore[misc]
    for each in range(NUM_IMAGES):
        cells = [str(cell(each)) for _, cell in columns]  # type: ignore[misc]
        told.append([f"photos/{each}.png", *cells])
    return "\n".join(",".join(line) for line in told) + "\n"


SPLIT = ("split", lambda each: ("train", "test", "val")[0 if each < 6 else 1 + each % 2])


def test_names_of_classes(folder: Path) -> None:
    data = load(folder, rows(("kind", lambda each: ["cat", "dog"][each % 2]), SPLIT))
    assert data.class_names == ("cat", "dog") and not data.order_known and not data.split_here
    assert data.x_train[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert data.y_train.tolist() == [0, 1, 0, 1, 0, 1]
    assert data.x_test[:, 0, 0, 0].tolist() == [6, 8] and data.y_test.tolist() == [0, 0]
    assert data.y_val is not None and data.y_val.tolist() == [1, 1]


def test_numbers_of_classes_and_one_hot_columns(folder: Path) -> None:
    data = load(folder, rows(("label", lambda each: each % 3), SPLIT))
    assert data.class_names == () and data.y_train.tolist() == [0, 1, 2, 0, 1, 2]
    one_hot = (("a", lambda each: each % 2), ("b", lambda each: 1 - each % 2))
    data = load(folder, rows(*one_hot, SPLIT))
    assert data.class_names == ("a", "b") and data.y_train.tolist() == [1, 0, 1, 0, 1, 0]


def test_flags_and_numbers_have_their_columns_names(folder: Path) -> None:
    columns = (("red", lambda each: each % 2), ("big", lambda each: int(each > 4)))
    data = load(folder, rows(*columns, SPLIT), "flags")
    assert data.form == "flags" and data.class_names == ("red", "big") and data.order_known
    assert data.y_train.tolist() == [[0, 0], [1, 0], [0, 0], [1, 0], [0, 0], [1, 1]]
    data = load(folder, rows(("age", lambda each: each / 2), SPLIT), "numbers")
    assert data.y_test.tolist() == [[3.0], [4.0]] and data.num_classes == 1


def test_a_table_without_a_split_is_split(folder: Path) -> None:
    data = load(folder, rows(("label", lambda each: each % 2)))
    assert data.split_here and len(data.x_train) == 8 and len(data.x_test) == 2
    assert (data.x_train[:, 0, 0, 0] % 2 == data.y_train).all()
    assert sorted(data.y_test.tolist()) == [0, 1]
    assert "labels.csv has no column 'split', so its images are split: 8 to train" in data.notes[0]


def test_sample_weights_follow_their_images(folder: Path) -> None:
    (folder / "photos" / "1.png").write_bytes(b"broken")
    columns = (("label", lambda each: each % 2), ("sample_weight", lambda each: each / 4 + 1))
    data = load(folder, rows(*columns, SPLIT))
    assert data.w_train is not None and data.w_train.tolist() == [1.0, 1.5, 1.75, 2.0, 2.25]
    assert data.notes == ("1 broken image was skipped: photos/1.png",)
    data = load(folder, rows(*columns))
    assert data.w_train is not None
    np.testing.assert_allclose(data.w_train, data.x_train[:, 0, 0, 0] / 4 + 1)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_marks(folder: Path, delimiter: str) -> None:
    text = rows(("label", lambda each: each % 2), SPLIT).replace(",", delimiter)
    assert len(load(folder, "\ufeff" + text.replace("\n", "\r\n\r\n")).y_train) == 6


def test_the_column_of_files_may_have_any_name(folder: Path) -> None:
    text = rows(("label", lambda each: each % 2), SPLIT).replace("file,", "wherever,")
    assert len(load(folder, text).y_train) == 6


def test_images_without_labels(folder: Path) -> None:
    data = load(folder, rows(SPLIT), "none")
    assert data.form == "none" and data.y_train.tolist() == [0] * 6
    data = load(folder, rows(("kind", lambda each: "ab"[each % 2]), SPLIT), "none")
    assert data.form == "none" and data.class_names == ()


GOOD = rows(("label", lambda each: each % 2), SPLIT)
NAMES = rows(("label", lambda each: "ab"[each % 2]), SPLIT)


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("", "classes", r"labels\.csv holds nothing; expected a header such as"),
        ("file,label\n", "classes", r"holds a header alone"),
        (GOOD.replace("photos/3", "photos/33"), "classes", r"1 file of the 10 that .*labels\.csv"),
        (
            GOOD.replace("photos/", "x/"),
            "classes",
            r"10 files .* are not there: x/0\.png, ",
        ),
        (GOOD.replace("photos/3", "photos/2"), "classes", r"names 2\.png in line 4 and in line 5;"),
        (
            GOOD.replace("3.png,1", "3.png,1,7"),
            "classes",
            r"line 5 of .* has 4 cells, the header",
        ),
        (GOOD.replace("3.png,1", "3.png"), "classes", r"line 5 of .* has 2 cells, the header 3"),
        (GOOD.replace("3.png,1", "3.png,"), "classes", r"line 5 .* nothing in the column 'label'"),
        (
            GOOD.replace("test", "tset"),
            "classes",
            r"line 8 .* the split 'tset'; expected train",
        ),
        (GOOD.replace("test", "val"), "classes", r"has no test in its column 'split'; expected"),
        (
            GOOD.partition("\n")[2],
            "classes",
            r"names the file 'photos/0\.png', as if there",
        ),
        (GOOD.replace("label", "split"), "classes", r"header of .* has the column 'split' twice"),
        (GOOD.replace("photos/", "").replace(".png", ""), "classes", r"file.* are not there"),
        ("a,b\n1,2\n", "classes", r"has no column of image files \(it has a, b\)"),
        (rows(SPLIT), "classes", r"has no column of labels; expected a header"),
        (
            GOOD.replace("3.png,1", "3.png,2"),
            "flags",
            r"holds 2 in row 3; expected rows of 0",
        ),
        (NAMES, "numbers", r"column 'label' of .* holds names, the first 'a'; expected numbers"),
        (NAMES, "flags", r"holds names, the first 'a'; expected 0 or 1 in a column"),
        (GOOD, "masks", r"labels for whole images; expected a mask for each: pass a folder"),
        (rows(("a", str), ("b", lambda each: "x")), "numbers", r"line 2 .* has 'x' in the column"),
        (GOOD.replace("3.png,1", "3.png,nan"), "numbers", r"holds \[nan\] in row 3"),
        (GOOD.replace("3.png,1", "3.png,1.5"), "classes", r"non-integer labels, first 1\.5 in row"),
        (GOOD.replace("file", '"file'), "classes", r"cannot read .*labels\.csv as CSV"),
        (rows(("label", str), ("sample_weight", lambda each: "x")), "numbers", r"is no number"),
        (rows(("label", str), ("sample_weight", lambda each: -1)), "numbers", r"hold -1\.0 in row"),
    ],
)
def test_every_fault_is_named(folder: Path, text: str, form: LabelForm, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(folder, text, form)


def test_a_file_that_is_no_text(folder: Path) -> None:
    (folder / "labels.csv").write_bytes(b"\xff\xfe\x00,\n")
    with pytest.raises(DataError, match="as CSV: 'utf-8' codec"):
        load_dataset(str(folder / "labels.csv"))
