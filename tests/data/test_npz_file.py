import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prune_mi.data import ModelInput, load_dataset
from prune_mi.data.labels import LabelForm
from prune_mi.errors import DataError

INPUTS = (ModelInput("image", (4, 4, 1)), ModelInput("facts", (3,)), ModelInput("age", ()))


def make_arrays(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "x_train": rng.integers(0, 256, (6, 4, 4, 3), dtype=np.uint8),
        "y_train": np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8),
        "x_test": rng.integers(0, 256, (3, 4, 4, 3), dtype=np.uint8),
        "y_test": np.array([0, 1, 2], dtype=np.uint8),
    }
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def save(folder: Path, **changes: Any) -> str:
    path = folder / "mine.npz"
    np.savez(path, **make_arrays(**changes))
    return str(path)


def save_inputs(folder: Path, **changes: Any) -> str:
    path = folder / "mine.npz"
    np.savez(path, **make_inputs(**changes))
    return str(path)


def test_arrays_come_back(tmp_path: Path) -> None:
    path = save(tmp_path)
    dataset = load_dataset(path)
    np.testing.assert_array_equal(dataset.x_train, make_arrays()["x_train"])
    assert dataset.x_train.dtype == np.uint8
    assert dataset.y_train.dtype == np.int64
    assert dataset.y_test.tolist() == [0, 1, 2]
    assert dataset.x_val is None
    assert dataset.class_names == ()
    assert dataset.num_classes == 3
    assert dataset.source == path


def test_validation_arrays_and_other_arrays(tmp_path: Path) -> None:
    arrays = make_arrays()
    path = save(tmp_path, x_val=arrays["x_test"], y_val=np.array([[2], [1], [0]]), extra=np.ones(1))
    dataset = load_dataset(path)
    assert dataset.x_val is not None
    assert dataset.y_val is not None
    assert dataset.y_val.tolist() == [2, 1, 0]


def test_one_hot_labels_become_integers(tmp_path: Path) -> None:
    dataset = load_dataset(save(tmp_path, y_train=np.eye(3)[[0, 1, 2, 0, 1, 2]]))
    assert dataset.y_train.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("images", "dtype"),
    [
        (np.full((3, 4, 4, 3), 200, np.int64), np.uint8),
        (np.full((3, 4, 4, 3), 300, np.int64), np.float32),
        (np.full((3, 4, 4, 3), -1, np.int16), np.float32),
        (np.full((3, 4, 4, 3), 0.5), np.float32),
        (np.full((3, 4, 4, 3), 0.5, ">f4"), np.float32),
        (np.ones((3, 4, 4, 3), bool), np.uint8),
    ],
)
def test_pixels_keep_their_values_in_one_of_two_types(
    tmp_path: Path, images: np.ndarray, dtype: type
) -> None:
    dataset = load_dataset(save(tmp_path, x_test=images))
    assert dataset.x_test.dtype == dtype
    assert dataset.x_test.dtype.isnative
    np.testing.assert_array_equal(dataset.x_test, images)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": None, "y_test": None}, r"lacks x_test, y_test; it holds x_train, y_train; exp"),
        ({"x_val": np.zeros((1, 4, 4, 3))}, r"has only x_val; expected both x_val and y_val"),
        ({"x_test": np.array([["a"]])}, r"x_test of .*mine\.npz holds <U1 values; expected pixels"),
        ({"x_test": np.zeros((0, 4, 4, 3)), "y_test": np.zeros(0)}, r"the test split.* is empty"),
        ({"x_test": np.full((3, 4, 4, 3), np.nan)}, r"NaN or infinite pixels"),
        ({"x_test": np.full((3, 4, 4, 3), 1e300)}, r"NaN or infinite pixels"),
        ({"y_test": np.array([0, 0.5, 1])}, r"non-integer labels, first 0\.5 in row 1"),
        ({"y_test": np.array([0, -1, 1])}, r"negative values, the lowest -1"),
        ({"y_test": np.array([0, 1])}, r"3 images but labels of the shape \(2,\)"),
        ({"y_test": np.array([0, 1, 2], dtype=object)}, r"cannot read .*mine\.npz: Object arrays"),
    ],
)
def test_every_fault_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(save(tmp_path, **changes))


def test_labels_of_another_form_are_asked_for_once(tmp_path: Path) -> None:
    asked: list[np.ndarray | None] = []

    def choose(labels: np.ndarray | None) -> LabelForm:
        asked.append(labels)
        return "numbers"

    y_train = np.linspace(0, 1, 6)
    data = load_dataset(save(tmp_path, y_train=y_train, y_test=np.arange(3)), choose_form=choose)
    assert len(asked) == 1 and asked[0] is not None and asked[0].tolist() == y_train.tolist()
    assert data.form == "numbers" and data.order_known
    np.testing.assert_allclose(data.y_train, y_train[:, None].astype(np.float32))
    assert data.y_test.tolist() == [[0.0], [1.0], [2.0]]


def test_a_file_without_labels(tmp_path: Path) -> None:
    asked: list[np.ndarray | None] = []

    def choose(labels: np.ndarray | None) -> LabelForm:
        asked.append(labels)
        return "none"

    data = load_dataset(save(tmp_path, y_train=None, y_test=None), choose_form=choose)
    assert asked == [None] and data.form == "none"
    assert not data.y_train.any() and len(data.y_train) == len(data.x_train)
    with pytest.raises(DataError, match="lacks y_train, y_test"):
        load_dataset(save(tmp_path, y_train=None, y_test=None))
    with pytest.raises(DataError, match="lacks y_test"):  # labels in one split alone
        load_dataset(save(tmp_path, y_test=None), choose_form=choose)


def test_labels_may_be_left_unread(tmp_path: Path) -> None:
    data = load_dataset(save(tmp_path), choose_form=lambda labels: "none")
    assert data.form == "none" and not data.y_test.any()


def test_sample_weights(tmp_path: Path) -> None:
    weights = np.arange(1, 7)
    data = load_dataset(save(tmp_path, sample_weight_train=weights[:, None]))
    assert data.w_train is not None and data.w_train.dtype == np.float32
    assert data.w_train.tolist() == weights.tolist()
    with pytest.raises(DataError, match=r"sample_weight_train of .* \(6, 2\); expected one number"):
        load_dataset(save(tmp_path, sample_weight_train=np.ones((6, 2))))


@pytest.mark.parametrize(
    ("names", "told", "renamed"),
    [
        (
            ("X_train", "Y_train", "X_test", "Y_test"),
            "it holds X_train, Y_train, X_test, Y_test",
            "x_train=old['X_train'], y_train=old['Y_train'], x_test=old['X_test']",
        ),
        (
            ("train_images", "train_labels", "test_images", "test_labels"),
            "it holds train_images, train_labels",
            "x_train=old['train_images'], y_train=old['train_labels']",
        ),
        (
            ("trainX", "trainY", "testX", "testY"),
            "it holds trainX",
            "x_train=old['trainX'], y_train=old['trainY']",
        ),
        (("x_train", "y_train", "imgs_te", "y_test"), "lacks x_test", "x_test=old['imgs_te'], x_"),
    ],
)
def test_arrays_of_other_names_are_named(
    tmp_path: Path, names: tuple[str, ...], told: str, renamed: str
) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **dict(zip(names, make_arrays().values(), strict=True)))
    with pytest.raises(DataError) as caught:
        load_dataset(str(path))
    assert told in str(caught.value)
    assert f"Probably: old = np.load('old.npz'); np.savez('new.npz', {renamed}" in str(caught.value)


def test_names_that_say_nothing_are_only_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(DataError, match=r"it holds a, b; expected x_train.*under these names$"):
        load_dataset(str(path))


def test_16_bits_say_what_is_full_bright(tmp_path: Path) -> None:
    images = np.full((6, 4, 4, 3), 4000, np.uint16)
    assert load_dataset(save(tmp_path, x_train=images)).full_value == 65535
    assert load_dataset(save(tmp_path, x_train=images.astype(np.int32))).full_value is None
    assert load_dataset(save(tmp_path, x_train=images // 100)).full_value is None


def test_a_file_of_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    for content in (b"", b"no zip at all"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot read .*mine\.npz.*expected an \.npz that np"):
            load_dataset(str(path))


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "mine.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="holds a single array; expected an"):
        load_dataset(str(tmp_path / "mine.npz"))


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    path = Path(save(tmp_path))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(
        DataError, match=r"is a broken zip: File is not a zip file; .*fetch it again"
    ):
        load_dataset(str(path))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = Path(save(tmp_path))
    content = bytearray(path.read_bytes())
    start = content.index(make_arrays()["x_train"].tobytes())
    content[start : start + 8] = bytes(value ^ 255 for value in content[start : start + 8])
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is a broken zip: Bad CRC-32 for file 'x_train\.npy'"):
        load_dataset(str(path))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = Path(save(tmp_path))
    path.chmod(0)
    with pytest.raises(DataError, match=r"cannot read .*mine\.npz.*Permission denied"):
        load_dataset(str(path))


def make_inputs(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split, count in (("train", 6), ("test", 3)):
        arrays[f"x_{split}_image"] = rng.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
        arrays[f"x_{split}_facts"] = rng.normal(size=(count, 3))
        arrays[f"x_{split}_age"] = rng.integers(0, 900, count)
        arrays[f"y_{split}"] = np.arange(count) % 3
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def test_inputs_lie_side_by_side(tmp_path: Path) -> None:
    arrays, dataset = make_inputs(), load_dataset(save_inputs(tmp_path), inputs=INPUTS)
    assert dataset.x_train.shape == (6, 20)
    assert dataset.x_train.dtype == np.float32
    assert dataset.input_shapes == ((4, 4, 1), (3,), ())
    np.testing.assert_array_equal(dataset.x_test[:, :16], arrays["x_test_image"].reshape(3, -1))
    np.testing.assert_allclose(dataset.x_test[:, 16:19], arrays["x_test_facts"], rtol=1e-6)
    np.testing.assert_array_equal(dataset.x_test[:, 19], arrays["x_test_age"])
    assert dataset.x_val is None
    assert dataset.num_classes == 3


def test_validation_arrays_and_arrays_of_other_names(tmp_path: Path) -> None:
    val = {f"x_val_{each.name}": make_inputs()[f"x_test_{each.name}"] for each in INPUTS}
    dataset = load_dataset(
        save_inputs(tmp_path, **val, y_val=[2, 1, 0], notes=np.ones(1)), inputs=INPUTS
    )
    assert dataset.x_val is not None and dataset.y_val is not None
    np.testing.assert_array_equal(dataset.x_val, dataset.x_test)
    assert dataset.y_val.tolist() == [2, 1, 0]


def test_a_channel_axis_may_be_left_out_and_sizes_be_open(tmp_path: Path) -> None:
    inputs = (ModelInput("image", (None, None, 1)), *INPUTS[1:])
    arrays = make_inputs()
    flat = {f"x_{split}_image": arrays[f"x_{split}_image"][..., 0] for split in ("train", "test")}
    dataset = load_dataset(save_inputs(tmp_path, **flat), inputs=inputs)
    assert dataset.input_shapes == ((4, 4, 1), (3,), ())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"x_test_facts": None},
            r"lacks x_test_facts; it holds x_train_image, .*; the model's inputs are image "
            r"\(4, 4, 1\), facts \(3\), age \(\): expected x_train_image, .*, y_train, y_test",
        ),
        ({"x_train": np.zeros((6, 4))}, "has x_train, but the model has no input of that name"),
        ({"x_val_age": np.zeros(3)}, "lacks x_val_image, x_val_facts, y_val"),
        ({"y_test": None}, "lacks y_test"),
        ({"x_test_age": np.zeros(2)}, r"different lengths: x_test_image 3, .*x_test_age 2"),
        ({"y_test": np.zeros(2, int)}, r"3 images but labels of the shape \(2,\)"),
        ({"x_test_facts": np.zeros((3, 4))}, r"shape \(3, 4\); the model's input 'facts' takes"),
        ({"x_test_facts": np.full((3, 3), np.nan)}, "x_test_facts of .* NaN"),
        ({"x_test_facts": np.full((3, 3), "a")}, "x_test_facts of .* holds <U1 values"),
        ({"x_test_age": np.full(3, 2**24 + 1)}, "reaches 16777217; expected whole numbers up to"),
        ({"x_test_age": np.float64(3)}, r"x_test_age of .* has the shape \(\)"),
    ],
)
def test_every_fault_of_several_inputs_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(save_inputs(tmp_path, **changes), inputs=INPUTS)


def test_splits_of_other_sizes_are_refused(tmp_path: Path) -> None:
    inputs = (ModelInput("image", (None, None, 1)), *INPUTS[1:])
    changes = {"x_test_image": np.zeros((3, 5, 5, 1))}
    with pytest.raises(DataError, match=r"test split .* \(5, 5, 1\), .* train split \(4, 4, 1\)"):
        load_dataset(save_inputs(tmp_path, **changes), inputs=inputs)


@pytest.mark.parametrize("spec", ["digits", ".", "nowhere.npz"])
def test_only_an_npz_has_several_inputs(spec: str) -> None:
    with pytest.raises(DataError, match=r"the model has 3 inputs \(image .*x_train_image"):
        load_dataset(spec, inputs=INPUTS)
