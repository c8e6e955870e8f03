"""What a setting holds in place of a path, where data are handed over as objects."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class HandedOver:
    """Data that are handed over from Python. Files and events have what they are told as.

    Attributes:
        value: The objects; `data.given` reads them.
        told: What they are told as, such as `arrays (in memory)`.
    """

    value: Any
    told: str

    def __str__(self) -> str:
        return self.told


def data_source(value: object) -> object:
    """A text or objects, as the setting `data` takes them.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, str | HandedOver):
        return value
    raise ValueError("expected a data set's name or the path of a file or folder")
