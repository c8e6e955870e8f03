"""A bandit over the kinds of morphisms: the control that the learned policy has to beat.

Exp3 (Auer, Cesa-Bianchi, Freund, Schapire 2002, The nonstochastic multiarmed bandit problem): kind
k of K is drawn with probability

    p_k = (1 - gamma) w_k / sum_j w_j + gamma / K,

and a draw of it that was worth x in [0, 1] multiplies w_k by exp(gamma x / (K p_k)). It assumes
nothing of how rewards come about, which suits a network that changes from one generation to the
next. x is the rank of a child's reward among the latest, so that the scale of accuracies does not
matter; a half is taken off it, which leaves the order of the weights to be expected as it is, and a
middling child without effect.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from prune_mi.records import MorphRecord
from prune_mi.search.policy import Choice

_WINDOW = 50


class Exp3:
    """See `Policy`; draws nothing itself, so equal rewards give equal choices.

    Args:
        mix: Probabilities of morphisms to begin with; those of nought are never drawn.
        exploration: gamma, above 0 to 1: the share of draws that stays even.
    """

    def __init__(self, mix: Mapping[str, float], *, exploration: float = 0.3) -> None:
        begin = {kind: np.log(weight) for kind, weight in mix.items() if weight > 0}
        self._kinds = tuple(begin)
        self._gamma = exploration
        self._log_weights = np.array(list(begin.values()))
        self._rewards: list[float] = []

    def choose(self) -> Choice:
        """See `Policy`."""
        return Choice(dict(zip(self._kinds, self._probabilities().tolist(), strict=True)))

    def tell(self, morphs: Sequence[MorphRecord], reward: float) -> None:
        """See `Policy`."""
        self._rewards = [*self._rewards, reward][-_WINDOW:]
        worth = self._rank(reward) - 0.5
        drawn = np.array([sum(each.kind == kind for each in morphs) for kind in self._kinds])
        steps = self._gamma * worth / (len(self._kinds) * self._probabilities())
        moved = self._log_weights + drawn * steps
        self._log_weights = moved - moved.max()

    def _probabilities(self) -> np.ndarray:
        weights = np.exp(self._log_weights - self._log_weights.max())
        even = np.full(len(weights), 1 / len(weights))
        mixed: np.ndarray = (1 - self._gamma) * weights / weights.sum() + self._gamma * even
        return mixed

    def _rank(self, reward: float) -> float:
        """The share of the latest rewards, its own included, that it beats; ties count half."""
        latest = np.array(self._rewards)
        return float(np.mean(latest < reward) + np.mean(latest == reward) / 2)
