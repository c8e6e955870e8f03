"""What is said of settings in docs/ and configs/, made from their declarations.

`python tests/settings_docs.py` writes it again; a test fails where that was forgotten. In a page,

    <!-- settings: optimize -->           every setting, with its range
    <!-- settings: optimize / Time -->    the options that stand under a heading of --help
    <!-- /settings -->

hold a table between them. `configs/optimize_default.yaml` is made as a whole.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from prune_mi.config import Gates, OptimizeSettings, SearchSettings
from prune_mi.config.complaints import bounds_text
from prune_mi.config.declare import PANELS, Told, declared
from prune_mi.config.values import ClassList, Duration, ImageSize, Method
from prune_mi.report.schema import SCHEMA_FILE, report_schema

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = ROOT / "configs" / "optimize_default.yaml"
KINDS: dict[str, type[BaseModel]] = {
    "optimize": OptimizeSettings,
    "search": SearchSettings,
    "check": Gates,
}
_BLOCK = re.compile(
    r"(<!-- settings: (?P<kind>\w+)(?: / (?P<panel>[\w ]+))? -->\n).*?(<!-- /settings -->)",
    re.DOTALL,
)
_METHODS = re.compile(r"(<!-- methods -->\n).*?(<!-- /methods -->)", re.DOTALL)
_RANGES: Mapping[Any, str] = {
    Duration: "a duration, such as 90s, 25m or 1h30m",
    ImageSize: "height and width, such as 64x64",
    ClassList: "a list of names or numbers, or a file of them",
    dict[str, float]: "a name, or names with weights",
}
_HEAD = """\
# Every setting of `prune-mi optimize`, at its default:
#
#     prune-mi optimize model.h5 --data cifar10 --config configs/optimize_default.yaml
#
# Copy it, keep the lines that you change. An option on the command line wins over this file.
# The data set is named on the command line, or here as `data:`.
"""


def written(page: str) -> str:
    """A page with its tables as the declarations have them."""

    def methods(found: re.Match[str]) -> str:
        return "\n".join([found[1], *_methods(), "", found[2]])

    def table(found: re.Match[str]) -> str:
        kind, panel = KINDS[found["kind"]], found["panel"]
        rows = _options(kind, panel) if panel else _settings(kind)
        return "\n".join([found[1], *rows, "", found[4]])

    return _METHODS.sub(methods, _BLOCK.sub(table, page))


def default_file() -> str:
    """`configs/optimize_default.yaml`."""
    lines, heading = [_HEAD.rstrip()], ""
    for path, info, told in sorted(declared(OptimizeSettings), key=_place):
        if path == ("data",):
            continue
        indent = "  " * (len(path) - 1)
        of = f"{path[0]}:" if len(path) > 1 else f"# {told.panel or 'Only in files'}\n#"
        if of != heading:
            heading = of
            lines += ["", of]
        words = f"{told.text} null: {told.words}." if info.default is None else told.text
        lines += textwrap.wrap(
            words, 98, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
        )
        value = list(info.default) if isinstance(info.default, tuple) else info.default
        lines.append(f"{indent}{path[-1]}: {yaml.safe_dump(value).splitlines()[0]}")
    return "\n".join(lines) + "\n"


def _place(each: tuple[tuple[str, ...], FieldInfo, Told]) -> tuple[int, str, int]:
    """Groups last; the others under their headings."""
    path, _, told = each
    panel = PANELS.index(told.panel) if told.panel else len(PANELS)
    return (len(path), path[0] if len(path) > 1 else "", 0 if len(path) > 1 else panel)


def _options(kind: type[BaseModel], panel: str) -> Iterator[str]:
    yield from ("| option | default | meaning |", "| --- | --- | --- |")
    for path, info, told in declared(kind):
        if told.panel == panel:
            name = told.switch or f"--{path[-1].replace('_', '-')}"
            default = "off" if told.switch else _default(info, told)
            yield f"| `{name}` | {default} | {_cell(told.off or told.text)} |"


def _settings(kind: type[BaseModel]) -> Iterator[str]:
    yield from ("| setting | default | range | meaning |", "| --- | --- | --- | --- |")
    is_search = kind is SearchSettings
    by_method = _by_method() if is_search else {}
    taken = _of_method("default") if is_search else {}
    for path, info, told in sorted(declared(kind), key=_place):
        name = ".".join(path)
        if name in by_method:
            default = "depends on the method"
        elif _is_other(info, told, taken.get(name, info.default)):
            default = f"`{_yaml(taken[name])}`"
        else:
            default = _default(info, told)
        yield f"| `{name}` | {default} | {_cell(_range_of(info))} | {_cell(told.text)} |"


def _is_other(info: FieldInfo, told: Told, taken: Any) -> bool:
    """Whether a setting takes something else than its own default where nothing is said."""
    return told.words is None and not info.is_required() and taken != info.default


def _range_of(info: FieldInfo) -> str:
    """What a setting may be, in words."""
    kind = info.annotation
    kinds = [each for each in get_args(kind) if each is not NoneType] or [kind]
    own = next((each for each in kinds if each in _RANGES), None)
    if own is not None:
        return _RANGES[own]
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    if kinds[0] in (int, float):
        whole = "whole number" if kinds[0] is int else "number"
        return f"{whole}{bounds_text({}, info)}"
    if kinds[0] is bool:
        return "true or false"
    return "a list" if get_origin(kind) is tuple else "a text"


def _methods() -> Iterator[str]:
    """What each method of a search takes, of the settings in which they differ."""
    yield f"| setting | {' | '.join(f'`{name}`' for name in get_args(Method))} |"
    yield "| --- | --- | --- | --- | --- |"
    for name, values in _by_method().items():
        yield f"| `{name}` | {' | '.join(f'`{value}`' for value in values)} |"


def _by_method() -> dict[str, list[str]]:
    taken = [_of_method(name) for name in get_args(Method)]
    told = {name: [_yaml(each[name]) for each in taken] for name in taken[0]}
    return {
        name: values for name, values in told.items() if len(set(values)) > 1 and name != "method"
    }


def _of_method(name: str) -> dict[str, Any]:
    """All settings of a search by one method, where nothing else is said."""
    return _flat(SearchSettings.model_validate({"data": "digits", "method": name}).model_dump())


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, dict) and name in ("ranking", "training")
        found |= _flat(value, f"{name}.") if inner else {before + name: value}
    return found


def _default(info: FieldInfo, told: Told) -> str:
    if told.words is not None:
        return _cell(told.words)
    if info.is_required():
        return "required"
    value: Any = list(info.default) if isinstance(info.default, tuple) else info.default
    return f"`{_yaml(value)}`" if value is not None else "none"


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value).splitlines()[0])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    """Writes everything again."""
    DEFAULTS.write_text(default_file(), encoding="utf-8")
    SCHEMA_FILE.write_text(report_schema(), encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(written(text), encoding="utf-8")


if __name__ == "__main__":
    main()
