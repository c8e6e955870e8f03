"""What screening teaches about single units: a child's loss shared out among what it lost.

A child that lost the units U is taken to lose

    lost(U) = sum of t_u over U + noise,    t_u ~ Normal(k g_u, (k g_u / 2 + c)^2),

with g_u the unit's information gain and k the children's mean loss of accuracy for a bit. The
posterior mean of t, given the children screened so far, is linear algebra (Gaussian conditioning;
Rasmussen & Williams 2006, appendix A.2). A unit that no child has lost keeps its prior mean.
"""

from collections.abc import Mapping, Sequence

import numpy as np

_NOISE = 0.01
_SPREAD_OF_ZERO = 0.01
_MOST_A_BIT = 5.0


def expected_losses(
    gains: Mapping[str, float], seen: Sequence[tuple[Sequence[str], float]]
) -> dict[str, float]:
    """The accuracy that each unit's removal is expected to cost.

    Args:
        gains: Information gain of units in bits; negative ones count as none.
        seen: For each screened child the units that it lost, and the accuracy that it lost. Units
            without a gain are taken for units of the mean gain.

    Returns:
        Fractions of accuracy, for every unit of `gains`.
    """
    mean = float(np.mean([max(gain, 0.0) for gain in gains.values()])) if gains else 0.0
    names = list(dict.fromkeys([*gains, *(unit for units, _ in seen for unit in units)]))
    bits = np.array([max(gains.get(name, mean), 0.0) for name in names])
    design = np.array([[float(name in units) for name in names] for units, _ in seen])
    lost = np.array([max(each, 0.0) for _, each in seen])
    if not len(lost):
        return dict.fromkeys(gains, 0.0)
    rate = min(float(lost.sum() / max((design @ bits).sum(), 1e-9)), _MOST_A_BIT)
    prior = rate * bits
    spread = np.square(prior / 2 + _SPREAD_OF_ZERO)
    covariance = (design * spread) @ design.T + np.square(_NOISE) * np.eye(len(lost))
    posterior = prior + spread * (design.T @ np.linalg.solve(covariance, lost - design @ prior))
    found = dict(zip(names, posterior.tolist(), strict=True))
    return {name: found[name] for name in gains}
