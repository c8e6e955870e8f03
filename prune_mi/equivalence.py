"""Random inputs that two models are asked about, and how far their answers are apart."""

from collections.abc import Sequence

import numpy as np

_SAMPLES = 4
_UNKNOWN_SIZE = 64
_NUDGE = 1e-6


def random_inputs(
    specs: Sequence[tuple[Sequence[int | None], str]],
    *,
    rng: np.random.Generator,
    unknown_size: int = _UNKNOWN_SIZE,
    as_indices: bool = False,
) -> list[np.ndarray]:
    """One batch for each input of a model.

    Half of the samples are standard normal and half are uniform in 0..255, so that both a model
    that scales pixels itself and one that does not are asked something they can tell apart.

    Args:
        specs: Shape, batch axis included, and dtype of each input.
        rng: Draws the values.
        unknown_size: What stands for an unknown axis other than the batch.
        as_indices: Whether all values are 0 or 1, for a model that looks something up by what it
            takes as floating-point numbers.

    Returns:
        Arrays of 4 samples, or of the batch size that a shape fixes. Whole numbers other than
        bytes are 0 or 1, which any vocabulary has.
    """

    def draw(shape: Sequence[int | None], dtype: str) -> np.ndarray:
        batch = (shape[0] or _SAMPLES) if shape else _SAMPLES
        full = (batch, *(unknown_size if axis is None else axis for axis in shape[1:]))
        if dtype == "uint8" and not as_indices:
            return rng.integers(0, 256, full).astype(np.uint8)
        if dtype == "bool" or "int" in dtype:
            return rng.integers(0, 2, full).astype(dtype)
        if as_indices:
            values = rng.integers(0, 2, full).astype(np.float64)
        else:
            values = rng.standard_normal(full)
            pixels = rng.uniform(0.0, 255.0, full)
            values[batch // 2 :] = pixels[batch // 2 :]
        # NumPy has no bfloat16; what receives the array casts it.
        return values.astype(dtype if dtype in ("float16", "float64") else np.float32)

    return [draw(shape, dtype) for shape, dtype in specs]


def perturbed(inputs: Sequence[np.ndarray], *, rng: np.random.Generator) -> list[np.ndarray]:
    """The inputs, each value larger or smaller by a millionth: as much as rounding does to it.

    What this does to a model's outputs is what another order of its sums may do to them.
    """
    return [
        array * (1 + _NUDGE * rng.choice([-1.0, 1.0], array.shape)).astype(array.dtype)
        if array.dtype.kind == "f"
        else array
        for array in inputs
    ]


def relative_difference(received: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """The largest difference, as a fraction of the largest value that its sample should have.

    Returns:
        0 where all are equal; infinity where counts or shapes differ, or NaN stands on one side.
    """
    if len(received) != len(expected):
        return float("inf")
    return max(map(_one_difference, received, expected), default=0.0)


def _one_difference(received: np.ndarray, expected: np.ndarray) -> float:
    if received.shape != expected.shape:
        return float("inf")
    if received.size == 0 or np.array_equal(received, expected, equal_nan=True):
        return 0.0
    rows = (len(expected), -1) if expected.ndim else (1, -1)
    with np.errstate(invalid="ignore"):
        apart = np.abs(received - expected).reshape(rows).max(axis=1)
        scale = np.abs(expected).reshape(rows).max(axis=1)
    if not (np.isfinite(apart).all() and np.isfinite(scale).all()):
        return float("inf")
    return float(np.max(apart / np.maximum(scale, np.finfo(np.float32).tiny)))
