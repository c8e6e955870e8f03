"""What a function in Python was handed as data, as the setting `data` takes it."""

import os
from collections.abc import Iterator, Mapping

from prune_mi.config import HandedOver
from prune_mi.data.dataset import Dataset
from prune_mi.records import in_memory


def data_setting(data: object) -> str | HandedOver:
    """What the setting `data` is; whether it can be read is told when it is loaded.

    Args:
        data: A name or a path; or objects that `data.given.load_given` takes.
    """
    if isinstance(data, str | HandedOver):
        return data
    if isinstance(data, os.PathLike):
        return os.fsdecode(data)
    if isinstance(data, Dataset):
        return HandedOver(data, in_memory(data.source))
    are_arrays = all(hasattr(each, "__array__") for each in _leaves(data))
    return HandedOver(data, in_memory("arrays" if are_arrays else "data"))


def _leaves(data: object) -> Iterator[object]:
    """What is in tuples, lists and dicts, but for the first items of long lists, and None."""
    if isinstance(data, Mapping):
        data = tuple(data.values())
    if isinstance(data, tuple):
        for each in data:
            yield from _leaves(each)
    elif isinstance(data, list):
        yield from (each for each in data[:1] if not isinstance(each, int | float | list))
    elif data is not None:
        yield data
