"""Settings of a run that goes on, as a user gives them."""

from typing import Any

from prune_mi.config import OptimizeSettings, SearchSettings
from prune_mi.config.declare import declared
from prune_mi.report.wording import duration_text

_OPTIONS = {
    path[0]: told
    for kind in (SearchSettings, OptimizeSettings)
    for path, _, told in declared(kind)
    if len(path) == 1
}


def option_text(name: str) -> str:
    """`--max-accuracy-drop`; of what only a file may say, `same_structure in a file`."""
    told = _OPTIONS.get(name)
    if told is not None and told.panel is None:
        return f"{name} in a file"
    return f"--{name.replace('_', '-')}"


def value_text(name: str, value: Any) -> str:
    """A setting's value: `7m` of a budget, `none` where nothing was said."""
    if value is None:
        return "none"
    return duration_text(value) if name == "budget" else f"{value}"
