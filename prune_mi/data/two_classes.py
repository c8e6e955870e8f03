"""Whether labels are such as one output unit tells apart: two classes, 0 and 1."""

from collections.abc import Sequence

import numpy as np

from prune_mi.data.dataset import Dataset
from prune_mi.errors import DataError

_NAMED = 6


def require_two_classes(dataset: Dataset, *, what: str, linear: bool) -> None:
    """Checks the labels of data for a model whose output is one unit.

    Args:
        dataset: Already validated.
        what: How messages name the output.
        linear: Whether the unit is a linear one, which may as well be a regression's.

    Raises:
        DataError: If there are other classes than two, other labels than 0 and 1, or one of the two
            is missing in the training labels; the message says what comes closest.
    """
    source = dataset.source
    if dataset.class_names and len(dataset.class_names) != 2:
        raise DataError(
            f"{source} has {len(dataset.class_names)} classes ({_listed(dataset.class_names)}), "
            f"but {what}, which is for two classes; expected two: leave the others out, or train "
            "a model with one unit for each class"
        )
    found = np.unique(np.concatenate([labels for _, _, labels in dataset.splits()]))
    told = f"the labels of {source} are {_listed([str(each) for each in found])}"
    if not np.isin(found, (0, 1)).all():
        if len(found) == 2:
            raise DataError(
                f"{told}, but {what}; expected 0 and 1: write 0 for {found[0]} and 1 for {found[1]}"
            )
        if linear:
            raise DataError(
                f"{told}, and {what}: that is regression, which cannot be optimized yet (planned "
                "for a later version); expected a classifier. The closest supported models have "
                "two classes (labels 0 and 1, for below and above a threshold), or one unit for "
                "each class if the labels are classes"
            )
        raise DataError(
            f"{told}, but {what}, which is for two classes; expected 0 and 1: leave the other "
            "classes out, or train a model with one unit for each class"
        )
    training = np.unique(dataset.y_train)
    if len(training) < 2:
        raise DataError(
            f"all {len(dataset.y_train)} training labels of {source} are {training[0]}; expected "
            "both 0 and 1: add samples of the other class"
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    told = ", ".join(names[:_NAMED])
    return f"{told} and {more} more" if more > 0 else told
