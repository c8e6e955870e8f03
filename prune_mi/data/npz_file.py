"""A data set in one `.npz` file, for a model of one input or of several."""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from prune_mi.data.dataset import Dataset, check_values, integer_labels, label_notes
from prune_mi.data.fit_to_model import ModelInput, fitting_shape, shape_text
from prune_mi.errors import DataError, first_line

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")
_OPTIONAL = ("x_val", "y_val")
_LARGEST_EXACT = 2**24  # of whole numbers in float32

# What people call such arrays, by the words of a name.
_WORD = re.compile(r"[a-z]+")
_CAMEL = re.compile(r"([a-z])([A-Z])")
_MEANING = {
    word: meaning
    for meaning, words in {
        "x": "x image images img imgs data feature features input inputs",
        "y": "y label labels lbl target targets class classes",
        "train": "train training tr",
        "test": "test testing te",
    }.items()
    for word in words.split()
}


def load_npz(path: Path) -> Dataset:
    """Loads x_train, y_train, x_test, y_test and perhaps x_val, y_val.

    Nothing in the file is executed: pickled objects are refused.

    Args:
        path: Of the file. Images are `(N, H, W, C)` or `(N, H, W)`, other samples as the model
            takes them, `(N, ...)`; labels are integers or one-hot.

    Raises:
        DataError: If the file is not an `.npz` or is broken, an array is missing, or one is of
            the wrong type.
    """
    with _opened(path) as file:
        there = tuple(file.files)
        missing = [name for name in _REQUIRED if name not in there]
        if missing:
            raise DataError(
                f"{path} lacks {', '.join(missing)}; it holds {', '.join(there) or 'no arrays'}; "
                f"expected {', '.join(_REQUIRED)} and perhaps {', '.join(_OPTIONAL)}: save it "
                f"again under these names{_likely_names(missing, there)}"
            )
        arrays = {name: file[name] for name in there if name in _REQUIRED + _OPTIONAL}
    if ("x_val" in arrays) != ("y_val" in arrays):
        alone = "x_val" if "x_val" in arrays else "y_val"
        raise DataError(
            f"{path} has only {alone}; expected both x_val and y_val, or neither: add the other"
        )
    return dataset_of_arrays(arrays, str(path))


def dataset_of_arrays(arrays: Mapping[str, np.ndarray], source: str) -> Dataset:
    """A data set of arrays by the names that `load_npz` reads.

    Args:
        arrays: All that there must be, with both or none of x_val and y_val.
        source: Where they are from, for messages and the data set.

    Raises:
        DataError: If one is of the wrong type.
    """
    stored = arrays["x_train"]
    images = {
        name.removeprefix("x_"): raw_images(array, where=f"{name} of {source}")
        for name, array in arrays.items()
        if name.startswith("x")
    }
    # Where an array's type says the value of a full-bright pixel: of 16 bits, unsigned.
    is_deep = stored.dtype == np.uint16 and images["train"].dtype == np.float32
    return _dataset(source, images, arrays, full_value=65535.0 if is_deep else None)


def load_npz_inputs(path: Path, inputs: Sequence[ModelInput]) -> Dataset:
    """Loads `x_train_NAME`, `x_test_NAME` and perhaps `x_val_NAME` for every input, and labels.

    Args:
        path: Of the file. Labels are `y_train`, `y_test` and perhaps `y_val`, integers or one-hot.
        inputs: The model's, at least two.

    Returns:
        A data set whose `x` arrays, float32 `(n, total)`, hold the flattened inputs side by side,
        in the order of `inputs`.

    Raises:
        DataError: If the file is not an `.npz` or is broken, arrays are missing, too many or of
            the wrong type or shape, or hold NaN.
    """
    with _opened(path) as file:
        there = tuple(file.files)
        arrays = {name: file[name] for name in there if name.startswith(("x_", "y_"))}
    return dataset_of_inputs(arrays, there, inputs, str(path))


def dataset_of_inputs(
    arrays: Mapping[str, np.ndarray],
    there: Sequence[str],
    inputs: Sequence[ModelInput],
    source: str,
) -> Dataset:
    """A data set of arrays by the names that `load_npz_inputs` reads.

    Args:
        arrays: Those whose names begin with `x_` or `y_`.
        there: The names of all that there are.
        inputs: The model's, at least two.
        source: Where they are from, for messages and the data set.

    Raises:
        DataError: If arrays are missing, too many or of the wrong type or shape, or hold NaN.
    """
    has_val = any(name.startswith(("x_val", "y_val")) for name in arrays)
    splits = ("train", "test", "val") if has_val else ("train", "test")
    _require_names(source, there, inputs, splits)
    packed = {}
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {}
    for split in splits:
        parts = [
            _samples(arrays[f"x_{split}_{each.name}"], each, f"x_{split}_{each.name} of {source}")
            for each in inputs
        ]
        shapes[split] = tuple(part.shape[1:] for part in parts)
        lengths = [len(part) for part in parts]
        if len(set(lengths)) > 1:
            counted = zip(inputs, lengths, strict=True)
            told = ", ".join(f"x_{split}_{each.name} {length}" for each, length in counted)
            raise DataError(
                f"the arrays of the {split} split of {source} have different lengths: {told}; "
                "expected one row a sample in each: drop what is unpaired"
            )
        if shapes[split] != shapes["train"]:
            raise DataError(
                f"samples of the {split} split of {source} have the shapes "
                f"{_texts(shapes[split])}, those of the train split {_texts(shapes['train'])}; "
                "expected equal shapes"
            )
        flat = [part.reshape(len(part), -1) for part in parts]
        packed[split] = np.concatenate(flat, axis=1, dtype=np.float32)
    return _dataset(source, packed, arrays, input_shapes=shapes["train"])


def _dataset(
    source: str,
    samples: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    *,
    input_shapes: tuple[tuple[int, ...], ...] = (),
    full_value: float | None = None,
) -> Dataset:
    """The data set of samples by their splits, with the labels `y_SPLIT` of `arrays`."""
    stored = {split: arrays[f"y_{split}"] for split in samples}
    labels = {
        split: integer_labels(array, where=f"y_{split} of {source}")
        for split, array in stored.items()
    }
    return Dataset(
        x_train=samples["train"],
        y_train=labels["train"],
        x_test=samples["test"],
        y_test=labels["test"],
        x_val=samples.get("val"),
        y_val=labels.get("val"),
        class_names=(),
        source=source,
        notes=label_notes(stored.values()),
        input_shapes=input_shapes,
        order_known=False,
        full_value=full_value,
    )


def _require_names(
    source: str,
    there: Sequence[str],
    inputs: Sequence[ModelInput],
    splits: Sequence[str],
) -> None:
    expected = [f"x_{split}_{each.name}" for split in splits for each in inputs]
    expected += [f"y_{split}" for split in splits]
    missing = [name for name in expected if name not in there]
    extra = [name for name in there if name.startswith(("x_", "y_")) and name not in expected]
    faults = []
    if missing:
        faults.append(f"lacks {', '.join(missing)}")
    if extra:
        faults.append(f"has {', '.join(extra)}, but the model has no input of that name")
    if faults:
        named = ", ".join(f"{each.name} {shape_text(each.shape)}" for each in inputs)
        raise DataError(
            f"{source} {' and '.join(faults)}; it holds {', '.join(there) or 'no arrays'}; "
            f"the model's inputs are {named}: expected {', '.join(expected)}"
        )


def _samples(array: np.ndarray, model_input: ModelInput, where: str) -> np.ndarray:
    """One input's samples in the model's shape, uint8 or float32."""
    if array.dtype.kind in "iu" and array.size:
        largest = max(abs(int(array.min())), abs(int(array.max())))
        if largest > _LARGEST_EXACT:
            raise DataError(
                f"{where} reaches {largest}; expected whole numbers up to {_LARGEST_EXACT}, which "
                "is what float32 holds exactly: renumber them"
            )
    samples = raw_images(array, where=where)
    wanted = model_input.shape
    shape = fitting_shape(samples.shape[1:], wanted) if samples.ndim else None
    if shape is not None:
        samples = samples.reshape(len(samples), *shape)
        check_values(samples, where)
        return samples
    raise DataError(
        f"{where} has the shape {samples.shape}; the model's input {model_input.name!r} takes "
        f"{shape_text(wanted)}, one a row: reshape the array"
    )


def _texts(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(shape_text, shapes))


def raw_images(images: np.ndarray, *, where: str) -> np.ndarray:
    """Brings pixels to one of the two types that data sets hold, values unchanged.

    Args:
        images: Numbers of any real type.
        where: How messages name the array.

    Returns:
        uint8 where the values are whole, typed as integers and within 0..255, else float32.

    Raises:
        DataError: If the array does not hold real numbers.
    """
    if images.dtype.kind not in "biuf":
        raise DataError(
            f"{where} holds {images.dtype} values; expected pixels, uint8 or float32: convert them"
        )
    if images.dtype in (np.uint8, np.float32):
        return images.astype(images.dtype.newbyteorder("="), copy=False)
    if images.dtype.kind != "f" and images.size and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    # What overflows becomes infinite, which validation reports.
    with np.errstate(over="ignore"):
        return images.astype(np.float32)


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


def _likely_names(missing: Sequence[str], there: Sequence[str]) -> str:
    """What the missing arrays may be called, and the line that renames them; may be empty."""
    likely = {name: found for name in missing if (found := _likely(name, there))}
    if not likely:
        return ""
    kept = [name for name in _REQUIRED if name in there]
    renamed = ", ".join(f"{new}=old[{old!r}]" for new, old in likely.items())
    same = "".join(f", {name}=old[{name!r}]" for name in kept)
    return f". Probably: old = np.load('old.npz'); np.savez('new.npz', {renamed}{same})"


def _likely(wanted: str, there: Sequence[str]) -> str | None:
    """The one array that is probably meant by a name such as x_train."""
    kind, split = wanted.split("_")
    found = [
        name
        for name in there
        if name not in _REQUIRED + _OPTIONAL
        and {_MEANING.get(word) for word in _WORD.findall(_CAMEL.sub(r"\1_\2", name).lower())}
        == {kind, split}
    ]
    return found[0] if len(found) == 1 else None
