import os
from pathlib import Path

import numpy as np
import pytest

from prune_mi.data import chunks


@pytest.fixture
def mapped(tmp_path: Path, rng: np.random.Generator) -> np.ndarray:
    np.save(tmp_path / "images.npy", rng.integers(0, 255, (500, 64, 64), dtype=np.uint8))
    return np.load(tmp_path / "images.npy", mmap_mode="r")


def test_rows_come_in_their_order(mapped: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_CHUNK_PIXELS", 70 * 64 * 64)
    whole = list(chunks.chunks(mapped))
    assert [len(each) for each in whole] == [70] * 7 + [10]
    np.testing.assert_array_equal(np.concatenate(whole), mapped)
    rows = np.array([499, 0, 0, 3])
    np.testing.assert_array_equal(np.concatenate(list(chunks.chunks(mapped, rows))), mapped[rows])


@pytest.mark.parametrize("rows", [np.array([7, 0, 499]), np.empty(0, np.int64)])
def test_some_rows_are_taken(mapped: np.ndarray, rows: np.ndarray) -> None:
    for images in (mapped, np.array(mapped)):
        found = chunks.taken(images, rows)
        np.testing.assert_array_equal(found, mapped[rows])
        assert found.shape == (len(rows), 64, 64) and not chunks.is_mapped(found)


def test_the_extremes_are_those_of_all(mapped: np.ndarray) -> None:
    assert chunks.extremes(mapped) == (float(mapped.min()), float(mapped.max()))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="Linux alone tells")
def test_what_was_read_of_a_file_is_given_back(mapped: np.ndarray) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    total = int(mapped.sum())
    assert resident() - before > mapped.nbytes // 2
    view = np.asarray(mapped)[10:].reshape(490, -1)
    assert chunks.is_mapped(view) and not chunks.is_mapped(np.zeros(3))
    chunks.forget(view)
    assert resident() - before < mapped.nbytes // 2
    assert int(mapped.sum()) == total


def test_what_was_written_is_not_forgotten(tmp_path: Path) -> None:
    array = np.memmap(tmp_path / "x", dtype=np.uint8, mode="w+", shape=(5,))
    array[:] = 7
    copied = np.memmap(tmp_path / "x", dtype=np.uint8, mode="c", shape=(5,))
    copied[:] = 8
    for each in (array, copied):
        chunks.forget(each)
        assert not chunks.is_mapped(each)
    assert copied.tolist() == [8] * 5
