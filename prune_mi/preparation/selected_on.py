"""Which test images a run selected on: written into its folder, left out by whoever measures it.

Images are told by their digests, so that they are found again in a test set that has changed since.
"""

import json
from pathlib import Path

import numpy as np

from prune_mi.data import Dataset
from prune_mi.data.dataset import image_digests
from prune_mi.errors import DataError
from prune_mi.keras_io.files.archive import DAMAGE, read_provenance
from prune_mi.preparation.roles import Roles
from prune_mi.runs.folder import REPORT_FILE, SELECTION_FILE


def write_selection(path: Path, roles: Roles, data: Dataset) -> None:
    """Writes the digests of the test images that selection sees; of none where it sees none."""
    saw = roles.validation_source == "test"
    seen = roles.validation if saw else roles.validation[:0]
    np.savez_compressed(path, test_images=image_digests(data.x_test, seen))


def selected_on(model: Path, images: np.ndarray) -> np.ndarray:
    """Bool `(n,)`: which test images the run that wrote a model has selected on.

    Args:
        model: The model's file; a run leaves `selection.npz` beside it.
        images: The test images as loaded, `(n, ...)`; looked at only where there is such a file.

    Raises:
        DataError: If the file beside the model is damaged.
    """
    path = model.parent / SELECTION_FILE
    if not path.is_file():
        return np.zeros(len(images), dtype=bool)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as written:
            seen = {each.tobytes() for each in written["test_images"]}
    except (*DAMAGE, KeyError, TypeError) as error:
        raise DataError(
            f"{path}, which says which test images a run has selected on, is damaged: {error}; "
            "run prune-mi optimize again, or remove the file to measure on all test images"
        ) from error
    return np.array([each.tobytes() in seen for each in image_digests(images)], dtype=bool)


def provenance_of(roles: Roles) -> dict[str, str]:
    """What a model's own file says of it; see `keras_io.files.archive`."""
    return {"validation": roles.validation_source}


def is_forgotten(model: Path) -> bool:
    """Whether a model was chosen on test images and nothing says any more on which.

    Its file tells the first, or the report beside it.
    """
    if (model.parent / SELECTION_FILE).is_file():
        return False
    report = model.parent / REPORT_FILE
    told = read_provenance(model)
    if not told and report.is_file():
        try:
            told = json.loads(report.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
    return isinstance(told, dict) and told.get("validation") == "test"
