"""Which test images a run has selected on: found again, and damage to the file that says so."""

from pathlib import Path

import numpy as np
import pytest

from prune_mi.data import load_dataset
from prune_mi.errors import DataError
from prune_mi.preparation.roles import Roles
from prune_mi.preparation.selected_on import selected_on, write_selection


@pytest.fixture
def written(tmp_path: Path) -> Path:
    data = load_dataset("digits")
    roles = Roles(np.arange(3), np.arange(50), np.arange(50, 449), "test", "")
    write_selection(tmp_path / "selection.npz", roles, data)
    return tmp_path / "selection.npz"


def test_images_are_found_again_wherever_they_stand(written: Path) -> None:
    images = load_dataset("digits").x_test
    seen = selected_on(written.with_name("best.keras"), images)
    assert seen.sum() == 50 and seen[:50].all()
    np.testing.assert_array_equal(selected_on(written.with_name("best.keras"), images[::-1]),
                                  seen[::-1])  # fmt: skip


@pytest.mark.parametrize("kind", ["empty", "no end", "no archive", "bytes", "another array"])
def test_a_damaged_file_is_named(kind: str, written: Path) -> None:
    whole = written.read_bytes()
    middle = len(whole) // 2
    if kind == "another array":
        np.savez(written, images=np.arange(3))
    else:
        damaged = {
            "empty": b"",
            "no end": b"PK\x03\x04",
            "no archive": b"{}",
            "bytes": whole[:middle] + b"\xff" * 9 + whole[middle + 9 :],
        }
        written.write_bytes(damaged[kind])
    with pytest.raises(DataError, match=r"selection\.npz, which says which test images"):
        selected_on(written.with_name("best.keras"), load_dataset("digits").x_test)
