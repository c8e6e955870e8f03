"""Options made from the declarations of settings, so that each is worded once."""

import functools
import inspect
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.models import ArgumentInfo, ParameterInfo

from prune_mi.cli.options import AllowUnsafe, CustomObjects, ModelJson
from prune_mi.config.declare import PANELS, Told, declared

_Command = Callable[..., None]
_NUMBERS: Mapping[type, str] = {int: "INTEGER", float: "FLOAT"}


def takes(
    kind: type[BaseModel],
    *,
    only: Container[str] | None = None,
    into: str = "given",
    words: Mapping[str, str] | None = None,
) -> Callable[[_Command], _Command]:
    """Gives a command an option for each setting of a kind that is declared with a panel.

    The command gets what the options say as one argument, by the names of settings and groups; a
    setting that was not given is None, and so is a group of which nothing was. A required setting
    is a required option, unless the command has a `config` that may say it.

    Args:
        kind: The settings.
        only: Names of those that the command takes; None: all.
        into: The name of that argument.
        words: Defaults in words, where this command's differ.
    """

    def decorated(command: _Command) -> _Command:
        made = {
            path[-1]: (path, info, told)
            for path, info, told in declared(kind)
            if told.panel is not None and (only is None or path[-1] in only)
        }
        has_file = "config" in inspect.signature(command).parameters
        parameters = [
            _parameter(name, info, told, (words or {}).get(name), has_file=has_file)
            for name, (_, info, told) in made.items()
        ]

        def gathered(said: dict[str, Any]) -> dict[str, Any]:
            given: dict[str, Any] = {}
            for name, ((*group, _), _, told) in made.items():
                value = said[name]
                if told.switch is not None:  # True says something, False nothing
                    value = (told.off is None) if value else None
                if not group:
                    given[name] = value
                elif value is not None:
                    given[group[0]] = {**(given.get(group[0]) or {}), name: value}
                else:
                    given.setdefault(group[0], None)
            return given

        return _with_parameters(command, parameters, gathered, into=into)

    return decorated


def opens_models(command: _Command) -> _Command:
    """Gives a command the options that say how its model files are opened.

    The command gets them as one argument, `opened`, by the names of the fields of `ModelSource`.
    """
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, default, kind in (
            ("model_json", None, ModelJson),
            ("allow_unsafe", False, AllowUnsafe),
            ("custom_objects", None, CustomObjects),
        )
    ]
    return _with_parameters(command, parameters, dict, into="opened")


def _with_parameters(
    command: _Command,
    parameters: Sequence[inspect.Parameter],
    gathered: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    into: str,
) -> _Command:
    """A command that has some parameters in place of one, which it gets gathered from them."""

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        said = {each.name: values.pop(each.name) for each in parameters}
        command(**values, **{into: gathered(said)})

    own = inspect.signature(command, eval_str=True).parameters
    kept = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, each in own.items()
        if name != into
    ]
    ordered = sorted([*kept, *parameters], key=_place)
    wrapped.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in ordered}
    return wrapped


def _parameter(
    name: str, info: FieldInfo, told: Told, words: str | None, *, has_file: bool
) -> inspect.Parameter:
    is_switch = told.switch is not None
    kind = _shell_type(info.annotation)
    number: dict[str, Any] = {}
    if kind in _NUMBERS:
        number = {"parser": partial(_number, kind), "metavar": _NUMBERS[kind]}
    option = typer.Option(
        *([told.switch] if told.switch is not None else []),
        help=_help(info, told, words),
        rich_help_panel=told.panel,
        **{"metavar": told.metavar, **number},
    )
    is_required = info.is_required() and not has_file
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if is_required else False if is_switch else None,
        annotation=Annotated[bool if is_switch else kind | None, option],
    )


def _number(kind: Callable[[str], Any], text: str) -> Any:
    """A number, or the text as it is: the settings say what was expected in its place."""
    try:
        return kind(text)
    except ValueError:
        return text


def _help(info: FieldInfo, told: Told, words: str | None) -> str:
    """What is told of a setting, as rich markup, in which a backslash stands before a bracket."""
    default = words or told.words
    if default is None and told.switch is None and not info.is_required():
        default = {None: "", (): ""}.get(info.default, f"{info.default}")
        default = default.removesuffix(".0")
    return (told.off or told.text) + (f"  \\[default: {default}]" if default else "")


def _shell_type(annotation: Any) -> Any:
    """The type that the shell's word is read as; texts are read by the settings themselves."""
    kinds = {each for each in get_args(annotation) if each is not NoneType} or {annotation}
    if get_origin(annotation) is tuple:
        return list[str]
    for number in (int, float):
        if kinds == {number}:
            return number
    return str


def _place(parameter: inspect.Parameter) -> tuple[int, int]:
    """Arguments first, then options by their panels."""
    info = next(
        (each for each in get_args(parameter.annotation) if isinstance(each, ParameterInfo)), None
    )
    if info is None or isinstance(info, ArgumentInfo):
        return (0, 0)
    panel = info.rich_help_panel
    return (1, PANELS.index(panel) if panel in PANELS else len(PANELS))
