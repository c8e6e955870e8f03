"""Who sees which images in a search."""

import numpy as np
import pytest

from prune_mi.config import make_search_settings
from prune_mi.data import Dataset
from prune_mi.stages.roles import search_roles


@pytest.mark.parametrize(
    ("images", "held_out"), [(100, 20), (1000, 200), (2500, 500), (4000, 500), (10_000, 1000)]
)
def test_of_few_images_more_are_held_out(images: int, held_out: int) -> None:
    labels = np.arange(images) % 2
    values = np.zeros((images, 3), np.float32)
    data = Dataset(values, labels, values, labels, None, None, ("a", "b"), "made up", ())
    roles = search_roles(data, make_search_settings({"data": "made up"}))
    assert len(roles.validation) == held_out
    assert len(roles.train) == images - held_out
    assert not set(roles.validation) & set(roles.train)
