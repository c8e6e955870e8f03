"""Maps of channels against what NumPy does to a tensor that has them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from prune_mi.graph.channels.channel_map import NEW, ChannelMap, concatenated


def _changed(tensor: np.ndarray, channels: ChannelMap) -> np.ndarray:
    """A tensor as the map says; new channels hold -7."""
    assert tensor.shape[channels.axis] == channels.size
    found = np.take(tensor, channels.source, axis=channels.axis)
    found = np.moveaxis(found, channels.axis, 0)
    found[channels.source == NEW] = -7
    return np.moveaxis(found, 0, channels.axis)


@st.composite
def maps(draw: st.DrawFn, axis: int = 1) -> ChannelMap:
    size = draw(st.integers(1, 5))
    source = draw(st.lists(st.integers(NEW, size - 1), min_size=1, max_size=8))
    return ChannelMap(axis, np.array(source), size)


@given(channels=maps(), times=st.integers(1, 3))
def test_repeated_channels(channels: ChannelMap, times: int) -> None:
    tensor = np.arange(2 * channels.size).reshape(2, -1)
    expected = np.repeat(_changed(tensor, channels), times, axis=1)
    each = np.repeat(tensor, times, axis=1)
    np.testing.assert_array_equal(_changed(each, channels.repeated(times)), expected)


@pytest.mark.parametrize("channels_first", [False, True])
@given(
    data=st.data(),
    axis=st.integers(1, 3),
    others=hnp.array_shapes(min_dims=2, max_dims=2, max_side=4),
)
def test_flattened_channels(
    data: Any, axis: int, others: tuple[int, ...], channels_first: bool
) -> None:
    channels = data.draw(maps(axis))
    sizes = [*others[: axis - 1], channels.size, *others[axis - 1 :]]
    tensor = np.arange(2 * np.prod(sizes)).reshape(2, *sizes)

    def flat(image: np.ndarray) -> np.ndarray:
        return (np.moveaxis(image, 1, -1) if channels_first else image).reshape(2, -1)

    found = channels.flattened((None, *sizes), channels_first=channels_first)
    expected = flat(_changed(tensor, channels))
    np.testing.assert_array_equal(_changed(flat(tensor), found), expected)


@given(parts=st.lists(maps(), min_size=1, max_size=4))
def test_concatenated_channels(parts: list[ChannelMap]) -> None:
    rng = np.random.default_rng(0)
    tensors = [rng.integers(100, size=(2, part.size)) for part in parts]
    changed = [_changed(*pair) for pair in zip(tensors, parts, strict=True)]
    together = concatenated(1, parts)
    expected = np.concatenate(changed, axis=1)
    np.testing.assert_array_equal(_changed(np.concatenate(tensors, axis=1), together), expected)


def test_how_often_each_is_there() -> None:
    assert ChannelMap.keeping(1, [True, False, True]).copy_counts().tolist() == [1, 0, 1]
    assert ChannelMap.copied(1, 3, 2).copy_counts().tolist() == [2, 2, 2]
    assert ChannelMap.copied(1, 3, 2).source.tolist() == [0, 0, 1, 1, 2, 2]
    assert ChannelMap.extended(1, 3, 2).source.tolist() == [0, 1, 2, NEW, NEW]
    assert ChannelMap.extended(1, 3, 2).copy_counts().tolist() == [1, 1, 1]
