"""Arrays at the ends of packed graphs: rows to a model's own inputs, its outputs to rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prune_mi.graph.interface.binary_output import two_columns
from prune_mi.graph.interface.packing import Packing


def unpack_inputs(rows: np.ndarray, packing: Packing) -> Any:
    """What the original model is called with.

    Args:
        rows: Samples as the packed graph takes them, `(n, total)` where the original has several
            inputs.
        packing: How the graph was packed.

    Returns:
        An array for each input, of its own shape and type, in the structure of the original's
        inputs.
    """
    original = packing.original
    if len(original.inputs) == 1:
        return _nested(original.input_structure, [rows])
    arrays, start = [], 0
    for ref in original.inputs:
        spec = original.spec(ref)
        shape = tuple(axis or 1 for axis in spec.shape[1:])
        part = rows[:, start : start + math.prod(shape)].reshape(len(rows), *shape)
        # NumPy has no bfloat16; what receives the array casts it.
        arrays.append(part if spec.dtype == "bfloat16" else part.astype(spec.dtype))
        start += math.prod(shape)
    return _nested(original.input_structure, arrays)


def pack_outputs(outputs: Any, packing: Packing) -> np.ndarray:
    """The original model's outputs as the packed graph yields them.

    Args:
        outputs: Arrays, their first axis the batch, in the structure of the original's outputs.
        packing: How the graph was packed.

    Returns:
        float32 `(n, classes + rest)`, the judged output first.
    """
    found: dict[int, np.ndarray] = {}
    _collect(packing.original.output_structure, outputs, found)
    arrays = [found[place].astype(np.float32) for place in packing.order]
    if packing.unit is not None:
        arrays[0] = two_columns(arrays[0], packing.unit)
    return np.concatenate([each.reshape(len(each), -1) for each in arrays], axis=1)


def _nested(structure: Any, arrays: Sequence[np.ndarray]) -> Any:
    if isinstance(structure, Mapping):
        return {key: _nested(item, arrays) for key, item in structure.items()}
    if isinstance(structure, int):
        return arrays[structure]
    if structure is None:
        return arrays[0] if len(arrays) == 1 else list(arrays)
    return [_nested(item, arrays) for item in structure]


def _collect(structure: Any, value: Any, found: dict[int, np.ndarray]) -> None:
    if isinstance(structure, Mapping):
        for key, item in structure.items():
            _collect(item, value[key], found)
    elif isinstance(structure, int):
        found[structure] = np.asarray(value)
    else:
        places = range(len(value)) if structure is None else structure
        for item, part in zip(places, value, strict=True):
            _collect(item, part, found)
