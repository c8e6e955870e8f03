"""A data set in one `.npz` file, for a model of one input or of several."""

import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from prune_mi.data.arrays import (
    WEIGHTS,
    dataset_of_arrays,
    dataset_of_inputs,
    is_wanted,
    require_arrays,
    require_input_arrays,
)
from prune_mi.data.dataset import Dataset
from prune_mi.data.fit_to_model import ModelInput
from prune_mi.data.labels import FormChoice, as_classes
from prune_mi.data.scratch import IN_MEMORY, Growing, Room
from prune_mi.errors import DataError, first_line

_LOCAL_HEADER = struct.Struct("<4sHHHHHIIIHH")
_READ_BYTES = 1 << 24


def load_npz(path: Path, *, choose_form: FormChoice = as_classes) -> Dataset:
    """Loads x_train, y_train, x_test, y_test and perhaps x_val, y_val, sample_weight_train.

    Nothing in the file is executed: pickled objects are refused.

    Args:
        path: Of the file. Images are `(N, H, W, C)` or `(N, H, W)`, other samples as the model
            takes them, `(N, ...)`; labels may be stored in any usual way.
        choose_form: Says what the labels are.

    Raises:
        DataError: If the file is not an `.npz` or is broken, an array is missing, or one is of
            the wrong type.
    """
    with _opened(path) as file:
        there = tuple(file.files)
        require_arrays(there, choose_form, source=str(path))
        arrays = {name: _array(path, file, name) for name in there if is_wanted(name)}
    return dataset_of_arrays(arrays, choose_form, source=str(path))


def load_npz_inputs(
    path: Path, inputs: Sequence[ModelInput], *, choose_form: FormChoice = as_classes
) -> Dataset:
    """Loads `x_train_NAME`, `x_test_NAME` and perhaps `x_val_NAME` for every input, and labels.

    Args:
        path: Of the file. Labels are `y_train`, `y_test` and perhaps `y_val`.
        inputs: The model's, at least two.
        choose_form: Says what the labels are.

    Returns:
        A data set whose `x` arrays, float32 `(n, total)`, hold the flattened inputs side by side,
        in the order of `inputs`.

    Raises:
        DataError: If the file is not an `.npz` or is broken, arrays are missing, too many or of
            the wrong type or shape, or hold NaN.
    """
    with _opened(path) as file:
        there = tuple(file.files)
        require_input_arrays(there, inputs, choose_form, source=str(path))
        arrays = {
            name: _array(path, file, name)
            for name in there
            if name.startswith(("x_", "y_")) or name == WEIGHTS
        }
    return dataset_of_inputs(arrays, inputs, choose_form, source=str(path))


def _array(path: Path, file: Any, name: str) -> np.ndarray:
    """One array: a large one is mapped from the file, or from a copy where it is compressed."""
    member = file.zip.NameToInfo.get(f"{name}.npy")
    if member is None or member.file_size <= IN_MEMORY:
        return np.asarray(file[name])
    with file.zip.open(member) as stream:
        shape, fortran_order, dtype = _npy_header(stream)
        if dtype.hasobject or fortran_order or len(shape) < 2:
            return np.asarray(file[name])
        if member.compress_type == zipfile.ZIP_STORED:
            start = _start_of(path, member) + stream.tell()
            return np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape)
        return _unpacked(stream, shape, dtype)


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    return (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(stream)


def _start_of(path: Path, member: zipfile.ZipInfo) -> int:
    """Where a member's content begins in the file, behind its own header."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile(f"bad header of {member.filename}")
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    return member.header_offset + _LOCAL_HEADER.size + int(name_length) + int(extra_length)


def _unpacked(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    row_bytes = int(np.prod(shape[1:])) * dtype.itemsize
    grown = Growing(Room())
    try:
        step = max(1, _READ_BYTES // max(1, row_bytes))
        for start in range(0, shape[0], step):
            count = min(step, shape[0] - start)
            content = stream.read(count * row_bytes)
            if len(content) < count * row_bytes:
                raise EOFError("an array is cut off")
            grown.append(np.frombuffer(content, dtype=dtype).reshape(count, *shape[1:]))
        return grown.finished()
    finally:
        grown.close()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    hint = "expected an .npz that np.savez wrote: save it again, or fetch it again if downloaded"
    try:
        with warnings.catch_warnings():
            # Headers written by Python 2 need a second parse, which numpy warns of.
            warnings.simplefilter("ignore", UserWarning)
            # Opened here: numpy leaves files that turn out broken open.
            with path.open("rb") as file:
                loaded = np.load(file, allow_pickle=False)
                if not isinstance(loaded, np.lib.npyio.NpzFile):
                    raise DataError(f"{path} holds a single array; {hint}")
                yield loaded
    except MemoryError as error:
        raise DataError(f"{path} does not fit in memory: pass fewer or smaller images") from error
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise DataError(f"cannot read {path}: {first_line(error)}; {hint}") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is a broken zip: {first_line(error)}; {hint}") from error
