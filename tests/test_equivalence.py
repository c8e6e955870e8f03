"""Random inputs, and the comparison of outputs."""

import numpy as np
import pytest

from prune_mi.equivalence import perturbed, random_inputs, relative_difference


def test_inputs_have_the_asked_shapes_and_types(rng: np.random.Generator) -> None:
    specs = [((None, 8, 8, 3), "float32"), ((2, None), "int32"), ((None, 4), "uint8")]
    image, tokens, pixels = random_inputs(specs, rng=rng, unknown_size=5)
    assert (image.shape, tokens.shape, pixels.shape) == ((4, 8, 8, 3), (2, 5), (4, 4))
    assert [each.dtype.name for each in (image, tokens, pixels)] == ["float32", "int32", "uint8"]
    assert set(np.unique(tokens)) <= {0, 1}


def test_half_of_the_samples_are_pixels(rng: np.random.Generator) -> None:
    (image,) = random_inputs([((None, 16, 16, 3), "float32")], rng=rng)
    assert np.abs(image[:2]).max() < 10 < image[2:].max() <= 255


def test_indices_are_those_of_any_vocabulary(rng: np.random.Generator) -> None:
    specs = [((None, 8), "float32"), ((None, 4), "uint8"), ((None, 4), "float16")]
    for each, (_, dtype) in zip(random_inputs(specs, rng=rng, as_indices=True), specs, strict=True):
        assert set(np.unique(each)) == {0, 1}
        assert each.dtype.name == dtype


def test_nudging_is_what_rounding_does(rng: np.random.Generator) -> None:
    images, numbers = np.full((3, 4), 100.0, "float32"), np.arange(3)
    moved, same = perturbed([images, numbers], rng=rng)
    assert 0 < relative_difference([moved], [images]) < 2e-6
    assert same is numbers


@pytest.mark.parametrize(
    ("received", "expected", "difference"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]], 0.0),
        ([[1.0, 2.2]], [[1.0, 2.0]], 0.1),
        ([[1.0, 2.0], [100.0, 10.0]], [[1.0, 2.0], [100.0, 20.0]], 0.1),
        ([[np.nan]], [[np.nan]], 0.0),
        ([[np.nan]], [[1.0]], np.inf),
        ([[np.inf]], [[1.0]], np.inf),
        ([[1.0]], [[1.0, 2.0]], np.inf),
    ],
)
def test_differences(received: list, expected: list, difference: float) -> None:  # type: ignore[type-arg]
    found = relative_difference([np.array(received)], [np.array(expected)])
    assert found == pytest.approx(difference)


def test_other_numbers_of_outputs() -> None:
    assert relative_difference([np.zeros(1)], []) == np.inf
    assert relative_difference([], []) == 0
