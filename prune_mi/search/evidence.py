"""What screening teaches about single changes: a child's loss shared out among what it lost.

A child that lost the units U, and shares s of what all channels of some width groups are worth, is
taken to lose

    lost = sum of t_u over U + sum of s_g t_g over groups + noise,
    t ~ Normal(k g, (k g / 2 + c)^2),

with g what a unit, or all channels of a group, add by the ranking, and k the children's loss of
accuracy for that: one k for units and one for channels, which are ranked in different measures. The
posterior mean of t, given the children screened so far, is linear algebra (Gaussian conditioning;
Rasmussen & Williams 2006, appendix A.2). What no child has lost keeps its prior mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

_NOISE = 0.01
_SPREAD_OF_ZERO = 0.01
_MOST_A_BIT = 5.0
_MOST_LOST = 1.0  # an error may be any number of times that of chance

Shares = Mapping[str, float]
"""What is lost, by name: of a unit 1, of channels a share of what their group is worth."""


@dataclass(frozen=True, slots=True)
class Gains:
    """What would be lost with changes, by the ranking.

    Attributes:
        units: By name.
        channels: Of all channels of each width group together, by the name of the change.
    """

    units: Mapping[str, float]
    channels: Mapping[str, float]


def expected_losses(
    gains: Gains, seen: Sequence[tuple[Shares, float]]
) -> tuple[dict[str, float], float | None]:
    """The accuracy that changes are expected to cost.

    Args:
        gains: By the ranking; negative ones count as none.
        seen: For each screened child what it lost, and the accuracy that it lost. What has no gain
            is taken for a unit of the mean gain.

    Returns:
        Fractions of accuracy, for all of `gains`; and what one of the channels' measure costs on
        average, None where no channels went.
    """
    known = {**gains.units, **gains.channels}
    units = [max(gain, 0.0) for gain in gains.units.values()]
    mean = float(np.mean(units)) if units else 0.0
    names = list(dict.fromkeys([*known, *(name for shares, _ in seen for name in shares)]))
    amounts = np.array([max(known.get(name, mean), 0.0) for name in names])
    is_channels = np.array([name in gains.channels for name in names], dtype=bool)
    design = np.array([[shares.get(name, 0.0) for name in names] for shares, _ in seen])
    lost = np.clip([each for _, each in seen], 0.0, _MOST_LOST)
    if not len(lost):
        return dict.fromkeys(known, 0.0), None
    of_units, of_channels = _rates(design * amounts, is_channels, lost)
    prior = np.where(is_channels, of_channels or 0.0, of_units) * amounts
    spread = np.square(prior / 2 + _SPREAD_OF_ZERO)
    covariance = (design * spread) @ design.T + np.square(_NOISE) * np.eye(len(lost))
    posterior = prior + spread * (design.T @ np.linalg.solve(covariance, lost - design @ prior))
    found = dict(zip(names, posterior.tolist(), strict=True))
    return {name: found[name] for name in known}, of_channels


def _rates(
    amounts: np.ndarray, is_channels: np.ndarray, lost: np.ndarray
) -> tuple[float, float | None]:
    """Accuracy for each measure of units and of channels: the least squares of both above 0."""
    sums = np.stack([amounts[:, ~is_channels].sum(axis=1), amounts[:, is_channels].sum(axis=1)])
    totals = sums.sum(axis=1)
    if not totals[1]:
        return min(float(lost.sum() / max(totals[0], 1e-9)), _MOST_A_BIT), None
    if not totals[0]:
        return 0.0, float(lost.sum() / totals[1])
    scale = totals / len(lost)
    rates, _ = nnls((sums / scale[:, None]).T, lost)
    return min(float(rates[0] / scale[0]), _MOST_A_BIT), float(rates[1] / scale[1])
