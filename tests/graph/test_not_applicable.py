"""Why layers cannot go, in codes and in words."""

import pytest

from prune_mi.graph.ir import LayerDef, Shape
from prune_mi.graph.not_applicable import Cause, change_of_shape


def _layer(class_name: str, **config: object) -> LayerDef:
    return LayerDef("layer", class_name, {"class_name": class_name, "config": config})


@pytest.mark.parametrize(
    ("layer", "before", "after", "causes", "text"),
    [
        (
            _layer("Conv2D", padding="valid", kernel_size=[3, 3], strides=[1, 1]),
            (None, 32, 32, 1),
            (None, 30, 30, 8),
            ("channels", "padding"),
            "changes the channels from 1 to 8 and the image from 32x32 to 30x30 (valid padding)",
        ),
        (
            _layer("Conv2D", padding="valid", strides=[2, 2], data_format="channels_first"),
            (None, 4, 9, 9),
            (None, 4, 4, 4),
            ("strides",),
            "changes the image from 9x9 to 4x4 (strides)",
        ),
        (
            _layer("MaxPooling1D", pool_size=2),
            (None, 10, 4),
            (None, 5, 4),
            ("pooling",),
            "changes the length from 10 to 5 (pooling)",
        ),
        (
            _layer("ZeroPadding2D"),
            (None, 4, 4, 2),
            (None, 6, 6, 2),
            ("size",),
            "changes the image from 4x4 to 6x6",
        ),
        (
            _layer("Conv2D", padding="valid", strides=1),
            (None, None, None, 4),
            (None, None, None, 4),
            ("padding",),
            "changes the size (valid padding)",
        ),
        (
            _layer("Dense"),
            (None, 1024),
            (None, 64),
            ("values",),
            "changes the values from 1024 to 64",
        ),
        (
            _layer("LSTM"),
            (None, 30, 16),
            (None, 12),
            ("sequence",),
            "turns a sequence into one vector, from 30x16 to 12",
        ),
        (
            _layer("Embedding"),
            (None, 30),
            (None, 30, 16),
            ("words",),
            "turns each number into a vector, from 30 to 30x16",
        ),
        (
            _layer("Flatten"),
            (None, 4, 4, 64),
            (None, 1024),
            ("shape",),
            "changes the shape from 4x4x64 to 1024",
        ),
    ],
)
def test_a_change_of_shape(
    layer: LayerDef, before: Shape, after: Shape, causes: tuple[Cause, ...], text: str
) -> None:
    reason = change_of_shape(layer, before, after)
    assert (reason.causes, reason.reason) == (causes, text)
