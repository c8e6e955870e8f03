"""From arrays by their usual names, x_train and the like, to a data set."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from prune_mi.data.chunks import chunks
from prune_mi.data.dataset import Dataset, check_values
from prune_mi.data.fit_to_model import ModelInput, fitting_shape, shape_text
from prune_mi.data.labels import FormChoice, LabelForm, labels_of_splits, sample_weights
from prune_mi.data.scratch import IN_MEMORY, Growing, Room
from prune_mi.errors import DataError

REQUIRED = ("x_train", "y_train", "x_test", "y_test")
UNLABELLED = ("x_train", "x_test")
OPTIONAL = ("x_val", "y_val")
WEIGHTS = "sample_weight_train"
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


def is_wanted(name: str) -> bool:
    """Whether an array of that name is read for a model of one input."""
    return name in (*REQUIRED, *OPTIONAL, WEIGHTS)


def require_arrays(
    there: Sequence[str],
    choose_form: FormChoice,
    *,
    source: str,
    remedy: str = "save it again under these names",
) -> None:
    """Refuses arrays of which one is missing, for a model of one input.

    Args:
        there: Their names.
        choose_form: Asked where there are no labels.
        source: How messages name what holds them.
        remedy: What to do about it.

    Raises:
        DataError: If one is; the message names those that there are.
    """
    is_labelled = any(name in there or _likely(name, there) for name in ("y_train", "y_test"))
    required = REQUIRED if is_labelled or choose_form(None) != "none" else UNLABELLED
    missing = [name for name in required if name not in there]
    if missing:
        raise DataError(
            f"{source} lacks {', '.join(missing)}; it holds {', '.join(there) or 'no arrays'}; "
            f"expected {', '.join(REQUIRED)} and perhaps {', '.join(OPTIONAL)}: {remedy}"
            f"{_likely_names(missing, there)}"
        )
    if ("x_val" in there) != ("y_val" in there) and required != UNLABELLED:
        alone = "x_val" if "x_val" in there else "y_val"
        raise DataError(
            f"{source} has only {alone}; expected both x_val and y_val, or neither: add the other"
        )


def dataset_of_arrays(
    arrays: Mapping[str, np.ndarray], choose_form: FormChoice, *, source: str
) -> Dataset:
    """The data set of arrays that `require_arrays` accepts, for a model of one input.

    Raises:
        DataError: If one is of the wrong type, or labels are of another form.
    """
    stored = arrays["x_train"]
    images = {
        name.removeprefix("x_"): raw_images(array, where=f"{name} of {source}")
        for name, array in arrays.items()
        if name.startswith("x_")
    }
    # Where an array's type says the value of a full-bright pixel: of 16 bits, unsigned.
    is_deep = stored.dtype == np.uint16 and images["train"].dtype == np.float32
    full_value = 65535.0 if is_deep else None
    return _dataset(images, arrays, choose_form, source=source, full_value=full_value)


def require_input_arrays(
    there: Sequence[str],
    inputs: Sequence[ModelInput],
    choose_form: FormChoice,
    *,
    source: str,
) -> None:
    """Refuses arrays of which one is missing or too many, for a model of several inputs.

    Raises:
        DataError: If one is.
    """
    is_labelled = any(name.startswith("y_") for name in there) or choose_form(None) != "none"
    splits = _splits(there)
    expected = [f"x_{split}_{each.name}" for split in splits for each in inputs]
    expected += [f"y_{split}" for split in splits] if is_labelled else []
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


def dataset_of_inputs(
    arrays: Mapping[str, np.ndarray],
    inputs: Sequence[ModelInput],
    choose_form: FormChoice,
    *,
    source: str,
) -> Dataset:
    """The data set of arrays that `require_input_arrays` accepts.

    Returns:
        A data set whose `x` arrays, float32 `(n, total)`, hold the flattened inputs side by side,
        in the order of `inputs`.

    Raises:
        DataError: If arrays are of the wrong type or shape, or hold NaN.
    """
    packed = {}
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {}
    for split in _splits(list(arrays)):
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
        packed[split] = _side_by_side([part.reshape(len(part), -1) for part in parts])
    return _dataset(packed, arrays, choose_form, source=source, input_shapes=shapes["train"])


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
        return _converted(images, np.dtype(np.uint8))
    # What overflows becomes infinite, which validation reports.
    with np.errstate(over="ignore"):
        return _converted(images, np.dtype(np.float32))


def _converted(images: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if images.ndim == 0 or images.size * dtype.itemsize <= IN_MEMORY:
        return images.astype(dtype)
    converted = Growing(Room())
    for chunk in chunks(images):
        converted.append(chunk.astype(dtype))
    return converted.finished()


def _side_by_side(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of several arrays joined, float32."""
    packed = Growing(Room())
    step = max(1, (1 << 22) // max(1, sum(part.shape[1] for part in parts)))
    for start in range(0, max(1, len(parts[0])), step):
        rows = [part[start : start + step] for part in parts]
        packed.append(np.concatenate(rows, axis=1, dtype=np.float32))
    return packed.finished()


def _splits(names: Sequence[str]) -> tuple[str, ...]:
    has_val = any(name.startswith(("x_val", "y_val")) for name in names)
    return ("train", "test", "val") if has_val else ("train", "test")


def _dataset(
    samples: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    choose_form: FormChoice,
    *,
    source: str,
    input_shapes: tuple[tuple[int, ...], ...] = (),
    full_value: float | None = None,
) -> Dataset:
    """The data set of samples by their splits, with the labels `y_SPLIT` of `arrays`, if any."""
    form: LabelForm = choose_form(arrays["y_train"]) if "y_train" in arrays else "none"
    stored = {split: arrays.get(f"y_{split}", each) for split, each in samples.items()}
    labels, notes = labels_of_splits(stored, form, source=source)
    weights = arrays.get(WEIGHTS)
    return Dataset(
        x_train=samples["train"],
        y_train=labels["train"],
        x_test=samples["test"],
        y_test=labels["test"],
        x_val=samples.get("val"),
        y_val=labels.get("val"),
        class_names=(),
        source=source,
        notes=notes,
        input_shapes=input_shapes,
        order_known=form != "classes",
        full_value=full_value,
        form=form,
        w_train=None
        if weights is None
        else sample_weights(weights, where=f"{WEIGHTS} of {source}"),
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


def _likely_names(missing: Sequence[str], there: Sequence[str]) -> str:
    """What the missing arrays may be called, and the line that renames them; may be empty."""
    likely = {name: found for name in missing if (found := _likely(name, there))}
    if not likely:
        return ""
    kept = [name for name in REQUIRED if name in there]
    renamed = ", ".join(f"{new}=old[{old!r}]" for new, old in likely.items())
    same = "".join(f", {name}=old[{name!r}]" for name in kept)
    return f". Probably: old = np.load('old.npz'); np.savez('new.npz', {renamed}{same})"


def _likely(wanted: str, there: Sequence[str]) -> str | None:
    """The one array that is probably meant by a name such as x_train."""
    kind, split = wanted.split("_")
    found = [
        name
        for name in there
        if name not in REQUIRED + OPTIONAL
        and {_MEANING.get(word) for word in _WORD.findall(_CAMEL.sub(r"\1_\2", name).lower())}
        == {kind, split}
    ]
    return found[0] if len(found) == 1 else None
