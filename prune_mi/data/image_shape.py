"""The one shape that images of unequal sizes are brought to."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from prune_mi.data.image_files import ImageHeader
from prune_mi.errors import DataError

ShapeChoice = Callable[[Sequence[ImageHeader]], tuple[int, int, int]]
"""From the headers of all readable images, at least one, to height, width and channels."""

LONGEST_SIDE = 64
"""Of images that nobody has said the size of, in pixels: larger ones make a search slow."""

_MODEL_CHANNELS = (1, 3, 4)


def shape_for_model(
    headers: Sequence[ImageHeader], *, wanted: tuple[int | None, int | None, int | None]
) -> tuple[int, int, int]:
    """What a model takes; where it takes any size, the commonest, the largest of equally common.

    Args:
        headers: Of all images.
        wanted: Height, width and channels; None leaves the choice to the images, and takes 3
            channels.

    Raises:
        DataError: If images do not come with that number of channels.
    """
    height, width, channels = wanted
    if channels is not None and channels not in _MODEL_CHANNELS:
        raise DataError(
            f"the model takes images of {channels} channels; an image folder gives 1 (grey), 3 "
            "(colour) or 4 (with opacity): pass an .npz instead"
        )
    counts = Counter((header.height, header.width) for header in headers)
    # The largest, so that the choice does not hang on the files' order.
    common = max(counts, key=lambda size: (counts[size], size))
    return height or common[0], width or common[1], channels or 3


def shape_for_search(
    headers: Sequence[ImageHeader], *, image_size: tuple[int, int] | None
) -> tuple[int, int, int]:
    """The size asked for, or else the median one, made smaller where it is large.

    The median height and the median width, both divided by the same number where the longer one
    is above `LONGEST_SIDE`, which it then is. One channel where all images are grey, else three.
    """
    channels = 1 if all(header.grey for header in headers) else 3
    if image_size is not None:
        return *image_size, channels
    height, width = (
        float(np.median(sides))
        for sides in zip(*((header.height, header.width) for header in headers), strict=True)
    )
    shrink = max(1.0, max(height, width) / LONGEST_SIDE)
    return max(1, round(height / shrink)), max(1, round(width / shrink)), channels
