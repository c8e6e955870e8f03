"""TFRecord files with a description of what is in them: a small YAML or JSON file.

    train: train-*.tfrecord
    test: test.tfrecord
    image: image/encoded
    label: image/class/label
    classes: [cat, dog]

`image` and `label` are the names of features, or `{feature: pixels, dtype: uint8, shape: [32, 32,
3]}` for raw bytes and lists of numbers. Images that are encoded need neither type nor shape.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prune_mi.data.dataset import Dataset
from prune_mi.data.decoded import ShapeChoice
from prune_mi.data.fit_to_model import ModelInput
from prune_mi.data.given import load_given
from prune_mi.data.image_files import MODES, decode_image, read_header
from prune_mi.data.labels import FormChoice
from prune_mi.data.tfrecords import Feature, read_records
from prune_mi.errors import DataError, listed

DESCRIPTION_SUFFIXES = (".yaml", ".yml", ".json")
_SPLITS = ("train", "test", "val")
_KEYS = (*_SPLITS, "image", "label", "sample_weight", "classes")
_PARTS = ("feature", "dtype", "shape")
_TYPES = ["uint8", "uint16", "int32", "int64", "float16", "float32", "float64"]
_EXPECTED = (
    "expected `train` and `test` (TFRecord files, * allowed), `image` and `label` (names of "
    "features, or a mapping with feature, dtype and shape), and perhaps `val`, `sample_weight` and "
    "`classes`"
)
_NAMED = 6


@dataclass(frozen=True, slots=True)
class _Described:
    """A feature: its name, and of raw bytes and numbers the type and shape, None as they are."""

    feature: str
    dtype: np.dtype[Any] | None = None
    shape: tuple[int, ...] | None = None


def load_records(
    path: Path,
    *,
    choose_shape: ShapeChoice,
    choose_form: FormChoice,
    inputs: Sequence[ModelInput] = (),
) -> Dataset:
    """Loads the TFRecord files that a description names.

    Args:
        path: Of the description.
        choose_shape: Says which shape encoded images are converted to, from the first one.
        choose_form: Says what the labels are.
        inputs: The model's one input; none where there is no model yet.

    Raises:
        DataError: If the description is no such, files are missing or damaged, a record lacks a
            feature or has another shape, or as `load_given` does.
    """
    described = _read(path)
    files = {
        split: _files(path, split, described[split]) for split in _SPLITS if split in described
    }
    _require_apart(path, files)
    image = _feature(path, "image", described.get("image"))
    others = {
        name: _feature(path, name, described[name])
        for name in ("label", "sample_weight")
        if name in described
    }
    reader = _Reader(image, others.get("label"), others.get("sample_weight"), choose_shape)
    given = {split: reader.samples(found) for split, found in files.items()}
    data = load_given(given, choose_form, source=str(path), inputs=inputs)
    if not described.get("classes") or data.form == "none":
        return data
    return replace(data, class_names=_classes(path, described["classes"]))


def _classes(path: Path, classes: Any) -> tuple[str, ...]:
    if not isinstance(classes, list) or not all(isinstance(each, str | int) for each in classes):
        raise DataError(f"`classes` of {path} is {str(classes)[:60]!r}; expected a list of names")
    return tuple(map(str, classes))


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f"cannot read the description {path}: {error}; {_EXPECTED}") from error
    if not isinstance(found, dict):
        raise DataError(f"the description {path} holds {str(found)[:40]!r}; {_EXPECTED}")
    unknown = [str(key) for key in found if key not in _KEYS]
    missing = [key for key in ("train", "test", "image") if key not in found]
    if unknown or missing:
        faults = [f"lacks {', '.join(missing)}"] if missing else []
        faults += [f"has {listed(unknown, _NAMED)}, which is not known"] if unknown else []
        raise DataError(f"the description {path} {' and '.join(faults)}; {_EXPECTED}")
    return found


def _files(path: Path, split: str, said: Any) -> list[Path]:
    patterns = said if isinstance(said, list) else [said]
    if not patterns or not all(isinstance(each, str) for each in patterns):
        raise DataError(f"`{split}` of {path} is {str(said)[:60]!r}; expected files, * allowed")
    found: list[Path] = []
    for pattern in patterns:
        whole = Path(pattern).expanduser()
        folder = path.parent if not whole.is_absolute() else Path(whole.anchor)
        relative = str(whole.relative_to(whole.anchor)) if whole.is_absolute() else str(whole)
        matching = sorted(each for each in folder.glob(relative) if each.is_file())
        if not matching:
            raise DataError(
                f"`{split}` of {path} names {pattern!r}, where there is no file; expected TFRecord "
                f"files, relative to {path.parent}"
            )
        found += [each for each in matching if each not in found]
    return found


def _require_apart(path: Path, files: dict[str, list[Path]]) -> None:
    """Refuses a file that is of two splits."""
    splits: dict[Path, str] = {}
    for split, found in files.items():
        for each in found:
            other = splits.setdefault(each.resolve(), split)
            if other != split:
                raise DataError(
                    f"`{other}` and `{split}` of {path} both name {each}; expected other files for "
                    "each, so that test images stay test images"
                )


def _feature(path: Path, key: str, said: Any) -> _Described:
    if isinstance(said, str):
        return _Described(said)
    if not isinstance(said, Mapping) or not isinstance(said.get("feature"), str):
        raise DataError(
            f"`{key}` of {path} is {str(said)[:60]!r}; expected the name of a feature, or a "
            "mapping such as {feature: pixels, dtype: uint8, shape: [32, 32, 3]}"
        )
    unknown = [str(each) for each in said if each not in _PARTS]
    dtype, shape = said.get("dtype"), said.get("shape")
    if unknown or (dtype is not None and dtype not in _TYPES):
        fault = f"has {', '.join(unknown)}" if unknown else f"has the dtype {dtype!r}"
        raise DataError(
            f"`{key}` of {path} {fault}; expected feature, dtype ({', '.join(_TYPES)}) and shape"
        )
    is_shape = isinstance(shape, list) and all(type(each) is int and each > 0 for each in shape)
    if shape is not None and not is_shape:
        raise DataError(
            f"the shape of `{key}` of {path} is {str(shape)[:40]}; expected positive whole "
            "numbers, such as [32, 32, 3]"
        )
    return _Described(
        said["feature"],
        None if dtype is None else np.dtype(dtype),
        None if shape is None else tuple(shape),
    )


class _Reader:
    """Reads samples of TFRecord files; all encoded images get the shape of the first."""

    def __init__(
        self,
        image: _Described,
        label: _Described | None,
        weight: _Described | None,
        choose_shape: ShapeChoice,
    ) -> None:
        self._described = [each for each in (image, label, weight) if each is not None]
        self._has_label = label is not None
        self._choose_shape = choose_shape
        self._shape: tuple[int, int, int] | None = None

    def samples(self, files: Sequence[Path]) -> Iterator[Any]:
        """What each record has of what is described, in its order."""
        for file in files:
            for number, record in enumerate(read_records(file)):
                where = f"record {number} of {file}"
                parts = [
                    self._value(record, described, where, is_image=not place)
                    for place, described in enumerate(self._described)
                ]
                if not self._has_label and len(parts) > 1:
                    parts.insert(1, None)
                yield tuple(parts) if len(parts) > 1 else parts[0]

    def _value(
        self, record: Mapping[str, Feature], described: _Described, where: str, *, is_image: bool
    ) -> Any:
        name = described.feature
        if name not in record:
            raise DataError(
                f"{where} has no feature {name!r}; it has {listed(sorted(record), _NAMED)}; "
                "expected one of these in the description"
            )
        values = record[name]
        if isinstance(values, list):
            if len(values) != 1:
                raise DataError(f"{name!r} of {where} holds {len(values)} texts; expected one")
            if described.dtype is None:
                return self._decoded(values[0], name, where, is_image=is_image)
            values = self._raw(values[0], described, where)
        elif described.dtype is not None:
            values = values.astype(described.dtype)
        if described.shape is None:
            return values[0] if len(values) == 1 and not is_image else values
        if values.size != int(np.prod(described.shape)):
            raise DataError(
                f"{name!r} of {where} has {values.size} values; expected "
                f"{int(np.prod(described.shape))}, for the shape {list(described.shape)}"
            )
        return values.reshape(described.shape)

    def _raw(self, content: bytes, described: _Described, where: str) -> np.ndarray:
        dtype = described.dtype
        if dtype is None or len(content) % dtype.itemsize:
            raise DataError(
                f"{described.feature!r} of {where} has {len(content)} bytes, which are no whole "
                f"number of {dtype}; expected another dtype"
            )
        return np.frombuffer(content, dtype=dtype.newbyteorder("<")).astype(dtype)

    def _decoded(self, content: bytes, name: str, where: str, *, is_image: bool) -> np.ndarray:
        """An encoded image; or an encoded mask, its numbers as they are."""
        header = read_header(BytesIO(content))
        if header is None:
            raise DataError(
                f"{name!r} of {where} is no image that can be read; expected PNG, JPEG and the "
                "like, or `dtype` and `shape` in the description, for raw bytes"
            )
        if not is_image:
            raise DataError(
                f"{name!r} of {where} is an encoded image; expected numbers, or raw bytes with "
                "`dtype` and `shape` in the description"
            )
        if self._shape is None:
            self._shape = self._choose_shape([header])
        height, width, channels = self._shape
        try:
            return decode_image(BytesIO(content), (height, width), MODES[channels], 8)
        except Exception as error:  # decoders of broken files raise nearly anything
            raise DataError(f"{name!r} of {where} is a broken image: remove the record") from error
