"""Layers chosen by regular expressions."""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from prune_mi.errors import ConfigError
from prune_mi.graph.ir import LayerGraph


def with_frozen_and_protected(
    graph: LayerGraph, *, freeze: Sequence[str], protect: Sequence[str]
) -> LayerGraph:
    """The graph with the user's frozen and protected layers beside those that it has already.

    Raises:
        ConfigError: As `matching_layers` does.
    """
    return replace(
        graph,
        frozen=graph.frozen | matching_layers(graph.layers, freeze, option="--freeze"),
        protected=graph.protected | matching_layers(graph.layers, protect, option="--protect"),
    )


def matching_layers(
    names: Collection[str], patterns: Sequence[str], *, option: str
) -> frozenset[str]:
    """The layers whose whole name matches one of some regular expressions.

    Args:
        names: Names of all layers.
        patterns: Regular expressions, as `re.fullmatch` reads them.
        option: How messages name the setting, such as `--freeze`.

    Raises:
        ConfigError: If a pattern is no regular expression or matches no layer.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        try:
            found = [name for name in names if re.fullmatch(pattern, name)]
        except re.error as error:
            raise ConfigError(
                f"{option} is {pattern!r}, which is no regular expression: {error}; write for "
                "instance 'conv2d_1' or 'block1_.*'"
            ) from error
        if not found:
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.0)
            raise ConfigError(
                f"{option} is {pattern!r}, which matches no layer; expected a regular expression "
                f"for whole names. The nearest are {', '.join(near)}"
            )
        chosen.update(found)
    return frozenset(chosen)
