"""What the Keras 2 process wrote of a model, as records, and names for it laid out flat."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prune_mi.graph.ir import TensorSpec
from prune_mi.keras_io.upgrade.rewriting import clean_name


@dataclass(frozen=True, slots=True)
class TensorKey:
    """Output `output` of call `call` of the layer numbered `layer`."""

    layer: int
    call: int
    output: int


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One call of a layer; tensors among its arguments are `TensorKey`s."""

    layer: int
    index: int
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GraphEntry:
    """A model's calls in topological order; inputs and outputs are structures of `TensorKey`s."""

    name: str
    calls: tuple[CallEntry, ...]
    inputs: Any
    outputs: Any
    input_specs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer of Keras 2.

    Attributes:
        registered_name: Of a class of the user's; None for Keras's own.
        graph: Where the layer is a model.
    """

    name: str
    class_name: str
    dtype: str
    trainable: bool
    registered_name: str | None
    config: Mapping[str, Any]
    weights: tuple[np.ndarray, ...]
    graph: GraphEntry | None


@dataclass(frozen=True, slots=True)
class OldModel:
    """A model of Keras 2, and what it answers.

    Attributes:
        layers: By number.
        reference_inputs, reference_outputs: In the order of `leaves`.
        repeatable: Whether it answers the same when asked twice.
        sensitivity: Relative difference that rounding of the inputs makes to its answers.
    """

    graph: GraphEntry
    layers: tuple[LayerEntry, ...]
    reference_inputs: tuple[np.ndarray, ...]
    reference_outputs: tuple[np.ndarray, ...]
    repeatable: bool
    sensitivity: float


def read_description(folder: Path) -> OldModel:
    """Reads what `prune_mi.keras2` left in a folder."""
    data = json.loads((folder / "description.json").read_text(encoding="utf-8"))
    with np.load(folder / "weights.npz", allow_pickle=False) as file:
        arrays = dict(file)
    with np.load(folder / "reference.npz", allow_pickle=False) as file:
        reference = dict(file)
    asked = data["reference"]
    return OldModel(
        graph=_graph(data["model"], arrays),
        layers=tuple(_layer(each, arrays) for each in data["layers"]),
        reference_inputs=tuple(reference[f"input_{index}"] for index in range(asked["num_inputs"])),
        reference_outputs=tuple(
            reference[f"output_{index}"] for index in range(asked["num_outputs"])
        ),
        repeatable=asked["repeatable"],
        sensitivity=asked["sensitivity"],
    )


def leaves(structure: Any) -> Iterator[Any]:
    """What a structure of lists, tuples and dicts holds, dicts in the order of their keys."""
    if isinstance(structure, Mapping):
        for key in sorted(structure):
            yield from leaves(structure[key])
    elif isinstance(structure, list | tuple):
        for item in structure:
            yield from leaves(item)
    else:
        yield structure


def layer_names(old: OldModel) -> dict[int, str]:
    """A name for each layer by its number once models inside the model are laid out flat.

    Layers of the outer model keep theirs. One of a model inside it keeps its name too unless that
    is taken: then the inner model's goes before it, as in `backbone_conv`.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for number, container in _outside_in(old):
        if number in names:
            continue
        own = clean_name(old.layers[number].name)
        longer = f"{clean_name(container)}_{own}"
        choices = (own, longer, *(f"{longer}_{count}" for count in range(2, len(old.layers) + 3)))
        names[number] = next(each for each in choices if each not in taken)
        taken.add(names[number])
    return names


def _outside_in(old: OldModel) -> Iterator[tuple[int, str]]:
    """Layers that remain when models are flattened, with the name of the model each is in."""
    level: list[tuple[GraphEntry, bool]] = [(old.graph, True)]
    seen: set[int] = set()
    while level:
        deeper: list[tuple[GraphEntry, bool]] = []
        for graph, outermost in level:
            if outermost:  # the inputs of inner models are gone
                for key in leaves(graph.inputs):
                    if isinstance(key, TensorKey):
                        yield key.layer, graph.name
            for call in graph.calls:
                inner = old.layers[call.layer].graph
                if inner is None:
                    yield call.layer, graph.name
                elif call.layer not in seen:
                    seen.add(call.layer)
                    deeper.append((inner, False))
        level = deeper


def _graph(data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GraphEntry:
    parts = ("args", "kwargs")
    return GraphEntry(
        name=data["name"],
        calls=tuple(
            CallEntry(each["layer"], each["index"], *(_value(each[key], arrays) for key in parts))
            for each in data["nodes"]
        ),
        inputs=_single(_value(data["inputs"], arrays)),
        outputs=_single(_value(data["outputs"], arrays)),
        input_specs=tuple(
            TensorSpec(tuple(each["shape"]), each["dtype"]) for each in data["input_specs"]
        ),
    )


def _layer(data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> LayerEntry:
    weights = tuple(arrays[key] for key in data["weights"])
    graph = None if data["graph"] is None else _graph(data["graph"], arrays)
    return LayerEntry(**{**data, "weights": weights, "graph": graph})


def _value(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Undoes the tags that `prune_mi.keras2` gives to what JSON does not have."""
    if isinstance(value, list):
        return [_value(item, arrays) for item in value]
    if not isinstance(value, Mapping):
        return value
    ((tag, content),) = value.items()
    if tag == "tensor":
        return TensorKey(*content)
    if tag == "tuple":
        return tuple(_value(item, arrays) for item in content)
    if tag == "dict":
        return {key: _value(item, arrays) for key, item in content.items()}
    if tag == "slice":
        return slice(*(_value(part, arrays) for part in content))
    if tag == "array":
        return arrays[content]
    return Ellipsis if tag == "ellipsis" else content


def _single(structure: Any) -> Any:
    """A list of one tensor is that tensor: Keras 3 calls both alike, and warns of the list."""
    alone = isinstance(structure, list | tuple) and len(structure) == 1
    return structure[0] if alone else structure
