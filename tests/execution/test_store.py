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


def test_rows_of_an_array_larger_than_memory(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    images = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
    np.save(tmp_path / "mapped.npy", images)
    mapped = np.load(tmp_path / "mapped.npy", mmap_mode="r")
    for array in (images, mapped, images[::-1][::-1], images.transpose(0, 2, 1)):
        store.put("whole", array)
        np.testing.assert_array_equal(store.get("whole"), array)
        store.put("rows", array, np.array([5, 0, 5]))
        np.testing.assert_array_equal(store.get("rows"), array[[5, 0, 5]])
    store.put("none", images, np.empty(0, np.int64))
    assert store.get("none").shape == (0, 2, 2)


def test_what_lies_in_a_file_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = FolderStore(tmp_path / "store")
    images = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
    np.save(tmp_path / "mapped.npy", images)
    mapped = np.load(tmp_path / "mapped.npy", mmap_mode="r")
    store.put("images", mapped)
    before = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(before.get("images"), images)
    store.put("images", np.asarray(mapped)[2:, :, None])
    np.testing.assert_array_equal(store.get("images"), images[2:, :, None])
    assert not list((tmp_path / "store").iterdir())
    store.put("images", mapped[:, :1])  # whose rows do not lie side by side
    np.testing.assert_array_equal(store.get("images"), images[:, :1])
    np.testing.assert_array_equal(before.get("images"), images)
    store.drop("images")
