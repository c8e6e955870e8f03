"""A data set in one `.npz` file, for a model of one input or of several."""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
from prune_mi.errors import DataError, first_line


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
        arrays = {name: file[name] for name in there if is_wanted(name)}
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
            name: file[name] for name in there if name.startswith(("x_", "y_")) or name == WEIGHTS
        }
    return dataset_of_inputs(arrays, inputs, choose_form, source=str(path))


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
