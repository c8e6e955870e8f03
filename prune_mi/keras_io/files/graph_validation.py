"""Whether the graph that a configuration describes can be walked at all.

Keras 2 loops for ever on a call that waits for itself, and Keras 3 speaks of its own queues.
"""

import graphlib
from collections.abc import Iterator, Mapping
from typing import Any

from prune_mi.errors import ModelError
from prune_mi.keras_io.files.serialized import label

_Call = tuple[str, int]


def require_valid_graph(config: Mapping[str, Any]) -> None:
    """Checks the graph of a Functional model and those of models inside it.

    Args:
        config: A serialized model: `class_name`, `config`.

    Raises:
        ModelError: If a call reads from a layer that is not there, or from itself by any way, or
            an output comes from nowhere.
    """
    inner = config.get("config")
    if not isinstance(inner, Mapping):
        return
    layers = inner.get("layers")
    if not isinstance(layers, list):
        return
    entries = [entry for entry in layers if isinstance(entry, Mapping)]
    if "input_layers" in inner and "output_layers" in inner:
        _check(inner, entries)
    for entry in entries:
        require_valid_graph(entry)


def _check(model: Mapping[str, Any], entries: list[Mapping[str, Any]]) -> None:
    by_name = {label(entry): entry for entry in entries}
    if not by_name:
        raise ModelError("the model has no layers; expected a trained model")
    reads: dict[_Call, list[_Call]] = {}
    for name, entry in by_name.items():
        calls = entry.get("inbound_nodes") or []
        if not isinstance(calls, list):
            raise ModelError(
                f"the model's graph is broken: the calls of {name!r} are a "
                f"{type(calls).__name__}, not a list; save the model again"
            )
        if not calls:
            reads[name, 0] = []
        for index, call in enumerate(calls):
            reads[name, index] = list(_references(call, by_name, name))
    everything = [ref for refs in reads.values() for ref in refs]
    ends = list(_references(model["output_layers"], by_name, "the output"))
    if not ends:
        raise ModelError("the model has no output that comes from one of its layers")
    # Keras 3 counts the calls of an inner model from 0 inside the graph and from 1 at its end.
    within, at_end = (
        {name: _offset(name, by_name[name], reads, refs) for name in by_name}
        for refs in (everything, ends)
    )
    _walk(
        {
            call: {(name, max(0, index - within[name])) for name, index in refs}
            for call, refs in reads.items()
        },
        {(name, max(0, index - at_end[name])) for name, index in ends},
    )


def _walk(reads: Mapping[_Call, set[_Call]], ends: set[_Call]) -> None:
    """Refuses calls that are not there, and those that wait for themselves."""
    for call in {call for refs in reads.values() for call in refs} | ends:
        if call not in reads:
            raise ModelError(
                f"the model's graph is broken: something reads call {call[1]} of {call[0]!r}, "
                "which is not in the file; save the model again"
            )
    try:
        graphlib.TopologicalSorter(reads).prepare()
    except graphlib.CycleError as error:
        stuck = sorted({name for name, _ in error.args[1]})
        raise ModelError(
            f"the model's graph has a cycle through {', '.join(map(repr, stuck[:5]))}; "
            "expected a graph that runs from inputs to outputs"
        ) from error


def _offset(
    name: str,
    entry: Mapping[str, Any],
    reads: Mapping[_Call, list[_Call]],
    references: list[_Call],
) -> int:
    """1 where calls are counted from 1: a model is called once when it is made, its layers not."""
    inner = entry.get("config")
    if not (isinstance(inner, Mapping) and isinstance(inner.get("layers"), list)):
        return 0
    used = [index for layer, index in references if layer == name]
    calls = sum(layer == name for layer, _ in reads)
    if not used or min(used) == 0:
        return 0
    return 1 if max(used) >= calls or str(entry["class_name"]) != "Sequential" else 0


def _references(
    value: Any, names: Mapping[str, Any], reader: str, *, sure: bool = True
) -> Iterator[_Call]:
    """The calls whose outputs a structure of call arguments holds, in any of Keras's ways.

    Args:
        value: `["conv", 0, 0]`, with the call's other arguments as a fourth item or without, or a
            serialized tensor of Keras 3, or a structure of them.
        names: The layers there are.
        reader: The layer called, for messages.
        sure: Whether a list that looks like the first is one; among a call's other arguments it may
            be a list of anything.
    """
    if isinstance(value, Mapping):
        history = value.get("keras_history")
        if isinstance(history, list) and len(history) == 3:
            yield _one(history, names, reader)
        else:
            for item in value.values():
                yield from _references(item, names, reader, sure=sure)
    elif isinstance(value, list | tuple):
        if _looks_like_one(value) and (sure or value[0] in names):
            yield _one(value, names, reader)
            value, sure = value[3:], False
        for item in value:
            yield from _references(item, names, reader, sure=sure)


def _looks_like_one(value: Any) -> bool:
    return (
        len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] != "_CONSTANT_VALUE"
        and all(isinstance(each, int) for each in value[1:3])
    )


def _one(reference: Any, names: Mapping[str, Any], reader: str) -> _Call:
    name, index = str(reference[0]), reference[1]
    if not isinstance(index, int):
        raise ModelError(
            f"the model's graph is broken: {reader!r} reads from call {index!r} of {name!r}; "
            "expected the number of a call: save the model again"
        )
    if name not in names:
        raise ModelError(
            f"the model's graph is broken: {reader!r} reads from {name!r}, which is not one of its "
            "layers; save the model again"
        )
    return name, index
