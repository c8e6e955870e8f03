"""What other outputs have moved, as a share of their variance."""

import numpy as np
import pytest

from prune_mi.measure.metric import unexplained_shares


def _share(original: np.ndarray, received: np.ndarray) -> float:
    (share,) = unexplained_shares(original, received, (original.shape[1],))
    return share


def test_shares(rng: np.random.Generator) -> None:
    original = rng.normal(3.0, [1.0, 5.0], size=(400, 2))
    assert _share(original, original) == 0
    mean = np.broadcast_to(original.mean(axis=0), original.shape)
    assert _share(original, mean) == pytest.approx(1)
    noisy = original + rng.normal(size=original.shape)
    share = _share(original, noisy)
    assert share == pytest.approx(1 / original.var(axis=0).mean(), rel=0.1)
    assert _share(1000 * original, 1000 * noisy) == pytest.approx(share)


def test_an_output_that_does_not_vary() -> None:
    constant = np.full((5, 2), 2.0)
    assert _share(constant, constant) == 0
    assert _share(constant, constant + 1) == pytest.approx(0.25)


def test_outputs_side_by_side(rng: np.random.Generator) -> None:
    original = rng.normal(size=(50, 4))
    received = original.copy()
    received[:, 1:] += 0.1
    first, second = unexplained_shares(original, received, (1, 3))
    assert first == 0
    assert second == _share(original[:, 1:], received[:, 1:])
