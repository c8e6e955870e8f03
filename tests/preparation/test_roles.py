"""Who sees which images in a search."""

import numpy as np
import pytest

from prune_mi.config import make_search_settings
from prune_mi.data import Dataset
from prune_mi.preparation.roles import search_roles


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


@pytest.mark.parametrize(("asked", "source"), [("auto", "val"), ("train", "train")])
def test_images_given_for_validation_are_used_unless_others_are_asked_for(
    asked: str, source: str
) -> None:
    labels = np.arange(1000) % 2
    values = np.zeros((1000, 3), np.float32)
    given = (values[:50], labels[:50])
    data = Dataset(values, labels, values, labels, *given, ("a", "b"), "made up", ())
    roles = search_roles(data, make_search_settings({"data": "made up", "validation": asked}))
    assert roles.validation_source == source
    assert len(roles.validation) == (50 if source == "val" else 200)
