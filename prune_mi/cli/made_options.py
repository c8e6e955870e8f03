"""Options made from the declarations of settings, so that each is worded once."""

import functools
import inspect
from collections.abc import Callable, Container, Mapping
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.models import ArgumentInfo, ParameterInfo

from prune_mi.config.declare import PANELS, Told, declared

_Command = Callable[..., None]


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
        made: dict[str, tuple[tuple[str, ...], Told]] = {}
        own = inspect.signature(command, eval_str=True).parameters
        parameters = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, each in own.items()
            if name != into
        ]
        for path, info, told in declared(kind):
            name = path[-1]
            if told.panel is None or (only is not None and name not in only):
                continue
            made[name] = path, told
            parameter = _parameter(name, info, told, (words or {}).get(name))
            if info.is_required() and "config" not in own:
                parameter = parameter.replace(default=inspect.Parameter.empty)
            parameters.append(parameter)

        @functools.wraps(command)
        def wrapped(**values: Any) -> None:
            given: dict[str, Any] = {}
            for name, (path, told) in made.items():
                value = values.pop(name)
                if told.switch is not None:  # True says something, False nothing
                    value = (told.off is None) if value else None
                if len(path) == 1:
                    given[name] = value
                elif value is not None:
                    given[path[0]] = {**(given.get(path[0]) or {}), name: value}
                else:
                    given.setdefault(path[0], None)
            command(**values, **{into: given})

        ordered = sorted(parameters, key=_place)
        wrapped.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {each.name: each.annotation for each in ordered}
        return wrapped

    return decorated


def _parameter(name: str, info: FieldInfo, told: Told, words: str | None) -> inspect.Parameter:
    option = typer.Option(
        *([told.switch] if told.switch is not None else []),
        help=_help(info, told, words),
        rich_help_panel=told.panel,
        metavar=told.metavar,
    )
    value = bool if told.switch is not None else _shell_type(info.annotation) | None
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if told.switch is not None else None,
        annotation=Annotated[value, option],
    )


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
