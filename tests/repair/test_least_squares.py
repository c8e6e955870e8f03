"""The ridge solution: part by part as at once, and as good whatever the scale of what is read."""

import numpy as np
import pytest

from prune_mi.repair.least_squares import NormalEquations, dual_solution


def _solution(design: np.ndarray, wanted: np.ndarray, *, parts: int = 1) -> np.ndarray:
    sums = NormalEquations(design.shape[1], wanted.shape[1], has_bias=True)
    for rows in np.array_split(np.arange(len(design)), parts):
        sums.add(design[rows], wanted[rows])
    return sums.solution()


def _left(design: np.ndarray, wanted: np.ndarray, solution: np.ndarray) -> float:
    """Share of the variance that is not told."""
    error = design @ solution[:-1] + solution[-1] - wanted
    return float(np.mean(error**2) / np.var(wanted))


def _design(rng: np.random.Generator, rows: int = 400) -> np.ndarray:
    return rng.normal(1.0, 2.0, size=(rows, 12)).astype(np.float32)


def test_parts_come_to_the_whole(rng: np.random.Generator) -> None:
    design = _design(rng)
    wanted = rng.normal(size=(400, 3)).astype(np.float32)
    whole = _solution(design, wanted)
    np.testing.assert_allclose(_solution(design, wanted, parts=7), whole, atol=1e-5)
    np.testing.assert_allclose(dual_solution(design, wanted, has_bias=True), whole, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_a_constant_is_the_biass_alone(rng: np.random.Generator, scale: float) -> None:
    """However large what else is read."""
    design = scale * rng.normal(size=(400, 12)).astype(np.float32)
    solution = _solution(design, np.full((400, 2), 5.0, np.float32))
    np.testing.assert_allclose(design @ solution[:-1] + solution[-1], 5.0, rtol=1e-4)


@pytest.mark.parametrize("louder", [1.0, 10.0, 100.0, 1000.0])
def test_one_loud_value_leaves_the_others_as_well_fitted(
    rng: np.random.Generator, louder: float
) -> None:
    design = _design(rng)
    wanted = design[:, 1:] @ rng.normal(size=(11, 2)).astype(np.float32)
    design[:, 0] *= louder
    assert _left(design, wanted, _solution(design, wanted)) < 1e-4
    assert _left(design, wanted, dual_solution(design, wanted, has_bias=True)) < 1e-4


def test_what_hardly_ever_varies_gets_no_great_weight(rng: np.random.Generator) -> None:
    design = _design(rng)
    design[:, 0] = 0.0
    design[0, 0] = 1e-3
    wanted = rng.normal(size=(400, 1)).astype(np.float32)
    assert np.abs(_solution(design, wanted)[0]).max() < 1.0


@pytest.mark.parametrize("value", [0.0, 3.7])
def test_constants_alone_are_no_weights(value: float) -> None:
    design = np.full((40, 6), value, np.float32)
    for found in (
        _solution(design, design[:, :2] + 1, parts=2),
        dual_solution(design, design[:, :2] + 1, has_bias=True),
    ):
        np.testing.assert_allclose(found[:-1], 0.0, atol=1e-4)
        np.testing.assert_allclose(found[-1], value + 1, rtol=1e-3)
