"""A data set for a model of several inputs, in one `.npz` file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from prune_mi.data.dataset import Dataset, check_values
from prune_mi.data.labels import integer_labels, label_notes
from prune_mi.data.model_input import ModelInput, shape_matches, shape_text
from prune_mi.data.npz_file import npz_names, raw_images, read_npz
from prune_mi.errors import DataError

_LARGEST_EXACT = 2**24  # of whole numbers in float32


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
    arrays = read_npz(path, lambda name: name.startswith(("x_", "y_")))
    has_val = any(name.startswith(("x_val", "y_val")) for name in arrays)
    splits = ("train", "test", "val") if has_val else ("train", "test")
    _require_names(path, arrays, inputs, splits)
    packed = {}
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {}
    for split in splits:
        parts = [
            _samples(arrays[f"x_{split}_{each.name}"], each, f"x_{split}_{each.name} of {path}")
            for each in inputs
        ]
        shapes[split] = tuple(part.shape[1:] for part in parts)
        lengths = [len(part) for part in parts]
        if len(set(lengths)) > 1:
            counted = zip(inputs, lengths, strict=True)
            told = ", ".join(f"x_{split}_{each.name} {length}" for each, length in counted)
            raise DataError(
                f"the arrays of the {split} split of {path} have different lengths: {told}; "
                "expected one row a sample in each: drop what is unpaired"
            )
        if shapes[split] != shapes["train"]:
            raise DataError(
                f"samples of the {split} split of {path} have the shapes "
                f"{_texts(shapes[split])}, those of the train split {_texts(shapes['train'])}; "
                "expected equal shapes"
            )
        flat = [part.reshape(len(part), -1) for part in parts]
        packed[split] = np.concatenate(flat, axis=1, dtype=np.float32)
    labels = {
        split: integer_labels(arrays[f"y_{split}"], where=f"y_{split} of {path}")
        for split in splits
    }
    return Dataset(
        x_train=packed["train"],
        y_train=labels["train"],
        x_test=packed["test"],
        y_test=labels["test"],
        x_val=packed.get("val"),
        y_val=labels.get("val"),
        class_names=(),
        source=str(path),
        notes=label_notes(arrays[f"y_{split}"] for split in splits),
        input_shapes=shapes["train"],
        order_known=False,
    )


def _require_names(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    inputs: Sequence[ModelInput],
    splits: Sequence[str],
) -> None:
    expected = [f"x_{split}_{each.name}" for split in splits for each in inputs]
    expected += [f"y_{split}" for split in splits]
    missing = [name for name in expected if name not in arrays]
    extra = [name for name in arrays if name not in expected]
    faults = []
    if missing:
        faults.append(f"lacks {', '.join(missing)}")
    if extra:
        faults.append(f"has {', '.join(extra)}, but the model has no input of that name")
    if faults:
        named = ", ".join(f"{each.name} {shape_text(each.shape)}" for each in inputs)
        there = ", ".join(npz_names(path)) or "no arrays"
        raise DataError(
            f"{path} {' and '.join(faults)}; it holds {there}; the "
            f"model's inputs are {named}: expected {', '.join(expected)}"
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
    for shape in (samples.shape[1:], (*samples.shape[1:], 1), _without_last(samples)):
        if shape is not None and samples.ndim and shape_matches(shape, wanted):
            samples = samples.reshape(len(samples), *shape)
            check_values(samples, where)
            return samples
    raise DataError(
        f"{where} has the shape {samples.shape}; the model's input {model_input.name!r} takes "
        f"{shape_text(wanted)}, one a row: reshape the array"
    )


def _without_last(samples: np.ndarray) -> tuple[int, ...] | None:
    return samples.shape[1:-1] if samples.ndim > 1 and samples.shape[-1] == 1 else None


def _texts(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(shape_text, shapes))
