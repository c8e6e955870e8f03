"""A setting, declared once: its default and range, and what is told of it wherever it is told.

The options of the command line, `configs/optimize_default.yaml`, the tables of docs/settings.md and
the messages about wrong values are made from these declarations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

# The headings of `--help`, in its order.
CHANGE = "What may change"
GATES = "Gates"
TIME = "Time"
INPUT = "Data and model"
REMOVAL = "Layers and changes"
CONTROL = "Validation and control"
REPORTS = "Reports"
OUTPUT = "Output"
PANELS = (CHANGE, GATES, TIME, INPUT, REMOVAL, CONTROL, REPORTS, OUTPUT)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a setting.

    Attributes:
        text: Sentences about what it does.
        panel: The heading of `--help` that its option stands under; None: it has no option.
        words: Its default in words, where the value alone says too little.
        switch: The option's name, where it takes no value: `--no-control`.
        off: What is told of a switch that turns something off.
        metavar: What stands for the value in `--help`.
    """

    text: str
    panel: str | None = None
    words: str | None = None
    switch: str | None = None
    off: str | None = None
    metavar: str | None = None


def setting(
    default: Any,
    text: str,
    *,
    panel: str | None = None,
    words: str | None = None,
    switch: str | None = None,
    off: str | None = None,
    metavar: str | None = None,
    **bounds: float,
) -> Any:
    """A field of settings, with what is told of it (see `Told`).

    Its `default` is `...` where one is required. Its range is given as pydantic has it: `ge`, `gt`,
    `le`, `lt`.
    """
    extra: Any = {"told": Told(text, panel, words, switch, off, metavar)}
    limits: Any = bounds
    return Field(default, description=text, json_schema_extra=extra, **limits)


def group_of(info: FieldInfo) -> type[BaseModel] | None:
    """The settings that one setting holds, or None where it is a single one."""
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def declared(kind: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], FieldInfo, Told]]:
    """Every setting of a kind, those of groups last: its path, its field, what is told of it."""
    for name, info in kind.model_fields.items():
        extra = info.json_schema_extra
        told: Any = extra.get("told") if isinstance(extra, dict) else None
        if isinstance(told, Told):
            yield (name,), info, told
    for name, info in kind.model_fields.items():
        if (group := group_of(info)) is not None:
            for path, inner, told in declared(group):
                yield (name, *path), inner, told
