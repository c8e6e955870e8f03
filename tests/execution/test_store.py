"""Arrays by name and version."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from prune_mi.execution.store import FolderStore


def test_a_pickled_store_keeps_the_version_that_it_was_pickled_with(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("images", np.zeros(3))
    sent = pickle.dumps(store)
    store.put("images", np.ones(4))
    np.testing.assert_array_equal(pickle.loads(sent).get("images"), np.zeros(3))
    np.testing.assert_array_equal(store.get("images"), np.ones(4))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).get("images"), np.ones(4))


def test_old_versions_do_not_pile_up(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for number in range(5):
        store.put("asked", np.full(2, number))
    assert len(list(tmp_path.iterdir())) == 2
    assert store.get("asked").tolist() == [4, 4]


def test_what_was_not_put_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="labels"):
        FolderStore(tmp_path).get("labels")
