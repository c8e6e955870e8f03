import numpy as np
import pytest

from prune_mi.data import chunks
from prune_mi.data.scaling import (
    ScalingKind,
    candidate_scalings,
    choose_scaling,
    fit_scaling,
    pixel_range,
    reversed_colours,
)
from prune_mi.errors import DataError


@pytest.fixture
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 5, 4, 3), dtype=np.uint8)
    images[0, 0, 0] = 255
    return images


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 255], np.uint8), 255),
        (np.array([0, 9], np.uint8), 255),
        (np.array([0, 16], np.uint8), 16),
        (np.array([0, 1], np.uint8), 1),
        (np.array([0, 0.7], np.float32), 1),
        (np.array([-2, 2.5], np.float32), 1),
        (np.array([0, 15], np.float32), 16),
        (np.array([0, 200], np.float32), 255),
        (np.array([0, 4095], np.float32), 4095),
    ],
)
def test_pixel_range(values: np.ndarray, expected: float) -> None:
    assert pixel_range(values) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("kind", ["none", "unit", "signed", "standardize", "mean-image"])
def test_closed_forms(images: np.ndarray, kind: ScalingKind, dtype: type) -> None:
    x = images.astype(np.float64)
    expected = {
        "none": x,
        "unit": x / 255,
        "signed": x / 127.5 - 1,
        "standardize": (x - x.mean(axis=(0, 1, 2))) / x.std(axis=(0, 1, 2)),
        "mean-image": x / 255 - (x / 255).mean(axis=0),
    }[kind]
    given = images.astype(dtype)
    scaled = fit_scaling(kind, given).apply(given)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(given, images)


@pytest.mark.parametrize("kind", ["none", "unit", "signed", "standardize", "mean-image"])
def test_images_without_a_channel_axis_scale_like_those_with_one(
    images: np.ndarray, kind: ScalingKind
) -> None:
    grey = images[..., :1]
    np.testing.assert_allclose(
        fit_scaling(kind, grey[..., 0]).apply(grey[..., 0]),
        fit_scaling(kind, grey).apply(grey)[..., 0],
        rtol=1e-6,
    )


def test_features_and_channels_of_sequences_are_standardized_each(images: np.ndarray) -> None:
    vectors, sequences = images[:, 0, 0], images[:, 0]
    scaled = fit_scaling("standardize", vectors).apply(vectors)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)
    scaled = fit_scaling("standardize", sequences, has_channels=True).apply(sequences)
    np.testing.assert_allclose(scaled.std(axis=(0, 1)), 1, rtol=1e-5)
    scaled = fit_scaling("standardize", sequences).apply(sequences)
    assert abs(scaled.std(axis=(0, 1)) - 1).max() > 1e-3


def test_chunks_do_not_change_the_statistics(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {kind: fit_scaling(kind, images) for kind in ("standardize", "mean-image")}
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 7 * images[0].size)
    for kind, expected in whole.items():
        chunked = fit_scaling(kind, images)
        np.testing.assert_allclose(chunked.offset, expected.offset, rtol=1e-6)
        np.testing.assert_allclose(chunked.scale, expected.scale, rtol=1e-6)


def test_a_constant_channel_becomes_zero(images: np.ndarray) -> None:
    images[..., 1] = 9
    scaled = fit_scaling("standardize", images).apply(images)
    assert not scaled[..., 1].any()


def test_candidates(images: np.ndarray) -> None:
    kinds = [candidate.kind for candidate in candidate_scalings(images, coloured=True)]
    assert kinds == ["none", "unit", "signed", "standardize", "mean-image", "caffe", "torch"]
    small = candidate_scalings(images.astype(np.float32) / 255, coloured=True)
    assert [candidate.kind for candidate in small] == [
        "none",
        "signed",
        "standardize",
        "mean-image",
        "caffe",
        "torch",
    ]
    for other, coloured in ((images[..., :1], False), (images.astype(np.float32) - 100, True)):
        found = {each.kind for each in candidate_scalings(other, coloured=coloured)}
        assert not found & {"caffe", "torch"}


def test_descriptions(images: np.ndarray) -> None:
    assert [candidate.describe() for candidate in candidate_scalings(images, coloured=True)] == [
        "none (raw pixel values)",
        "unit (0 to 1)",
        "signed (-1 to 1)",
        "standardize (each channel to mean 0 and deviation 1)",
        "unit minus mean image",
        "caffe (blue, green, red, each less its mean on ImageNet)",
        "torch (0 to 1, each colour less its mean on ImageNet, divided by its deviation)",
    ]


@pytest.mark.parametrize("full", [255.0, 1.0, 65535.0])
def test_colours_are_scaled_as_imagenet_models_want_them(images: np.ndarray, full: float) -> None:
    x = images.astype(np.float64)
    caffe = x[..., ::-1] - [103.939, 116.779, 123.68]
    torch = (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    given = (x / 255 * full).astype(np.float32)
    for kind, expected in (("caffe", caffe), ("torch", torch)):
        scaled = fit_scaling(kind, given, full=full).apply(given)  # type: ignore[arg-type]
        assert scaled.dtype == np.float32
        np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-3)


def test_colours_may_come_in_the_other_order(images: np.ndarray) -> None:
    unit = fit_scaling("unit", images)
    turned = reversed_colours(unit).apply(images)
    np.testing.assert_array_equal(turned, unit.apply(images)[..., ::-1])


def test_the_range_that_files_say_goes_before_the_values() -> None:
    images = np.full((4, 5, 5, 1), 30000, np.float32)
    assert fit_scaling("unit", images).scale == 30000
    assert fit_scaling("unit", images, full=65535).scale == 65535
    assert fit_scaling("signed", images, full=65535).offset == 65535 / 2


def test_16_bits_that_are_partly_filled_are_tried_by_what_is_used() -> None:
    images = np.full((4, 5, 5, 1), 4000, np.float32)
    tried = [
        (each.kind, each.full) for each in candidate_scalings(images, coloured=False, full=65535)
    ]
    assert tried == [
        *((kind, 65535) for kind in ("none", "unit", "signed", "standardize", "mean-image")),
        ("unit", 4095),
        ("signed", 4095),
    ]
    assert len(candidate_scalings(images * 10, coloured=False, full=65535)) == 5


def test_wrong_arguments_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="scaling is 'zscore'; expected one of none, unit"):
        fit_scaling("zscore", images)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"scaling is 'caffe', but samples have .*three colours"):
        fit_scaling("caffe", images[..., :1])
    with pytest.raises(ValueError, match="expected at least one image"):
        fit_scaling("unit", images[:0])
    with pytest.raises(ValueError, match="received 0 accuracies over 5 images"):
        choose_scaling({}, num_samples=5, num_classes=2, majority_share=0.5)


def test_the_best_scaling_is_chosen_however_narrowly() -> None:
    accuracies = {"none": 0.1, "unit": 0.91, "mean-image": 0.92, "signed": 0.92}
    chosen = choose_scaling(accuracies, num_samples=1000, num_classes=10, majority_share=0.1)
    assert chosen == "mean-image"


@pytest.mark.parametrize(
    ("best", "num_samples", "majority_share"),
    [
        (0.14, 100_000, 0.1),  # significant, but of no use
        (0.18, 100, 0.1),  # beats chance by 0.08, which is luck in so few images
        (0.61, 1000, 0.6),  # no better than always naming the commonest class
        (0.975, 1000, 0.97),
    ],
)
def test_chance_must_be_beaten_clearly(
    best: float, num_samples: int, majority_share: float
) -> None:
    with pytest.raises(DataError, match=rf"none 0\.0500, unit {best:.4f}; expected") as caught:
        choose_scaling(
            {"none": 0.05, "unit": best},
            num_samples=num_samples,
            num_classes=10,
            majority_share=majority_share,
        )
    assert "probably not trained on this data" in str(caught.value)
    assert "--scaling" in str(caught.value)


def test_a_good_model_of_very_uneven_classes_passes() -> None:
    chosen = choose_scaling({"none": 0.995}, num_samples=2000, num_classes=2, majority_share=0.97)
    assert chosen == "none"
