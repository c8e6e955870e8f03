"""Who says how often each morphism is drawn, and where: a mix that stays, or one that learns.

Before a child is made a policy is asked for its choice; when the child is trained it is told what
was done and what it was worth. Policies are pure: all draws are made with the choice by `morph`, so
that equal rewards give equal choices.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from prune_mi.graph.analysis.layer_counts import BEHIND_KINDS, THIRDS
from prune_mi.records import MorphRecord, Place

_WINDOW = 50
_MOST_ADVANTAGE = 3.0
_BISECTIONS = 40
_PLACES = {
    Place(third, behind): third * len(BEHIND_KINDS) + index
    for third in THIRDS
    for index, behind in enumerate(BEHIND_KINDS)
}

PlaceWeight = Callable[[str, Place], float]


@dataclass(frozen=True, slots=True)
class Choice:
    """How the next child is drawn.

    Attributes:
        mix: Probabilities by morphism name, summing to 1.
        place_weight: See `MorphContext`; None draws places evenly.
    """

    mix: Mapping[str, float]
    place_weight: PlaceWeight | None = None


class Policy(Protocol):
    """Chooses how children are drawn, and may learn from what became of them."""

    def choose(self) -> Choice:
        """How the next child is to be drawn."""

    def tell(self, morphs: Sequence[MorphRecord], reward: float) -> None:
        """Learns what a child was worth.

        Args:
            morphs: What distinguishes it from its parent. Kinds that the policy does not choose
                among are passed over.
            reward: Its validation accuracy less the parent's.
        """


class FixedPolicy:
    """The same choice for every child, whatever comes of it."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def choose(self) -> Choice:
        """See `Policy`."""
        return self._choice

    def tell(self, morphs: Sequence[MorphRecord], reward: float) -> None:
        """See `Policy`."""


class Exp3:
    """A bandit over the kinds of morphisms: the control that the learned policy has to beat.

    Exp3 (Auer, Cesa-Bianchi, Freund, Schapire 2002, The nonstochastic multiarmed bandit problem):
    kind k of K is drawn with probability

        p_k = (1 - gamma) w_k / sum_j w_j + gamma / K,

    and a draw of it that was worth x in [0, 1] multiplies w_k by exp(gamma x / (K p_k)). It assumes
    nothing of how rewards come about, which suits a network that changes from one generation to the
    next. x is the rank of a child's reward among the latest, so that the scale of accuracies does
    not matter; a half is taken off it, which leaves the order of the weights to be expected as it
    is, and a middling child without effect.

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
        steps = self._gamma * worth / (len(self._kinds) * self._probabilities())
        moved = self._log_weights + _times_drawn(self._kinds, morphs) * steps
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


class Reinforce:
    """A policy over morphisms and places, learned by REINFORCE from what children are worth.

    As in neural architecture search with reinforcement learning (Zoph & Le 2017), but in place of a
    recurrent controller that writes whole networks there is one softmax over the kinds of
    morphisms, and for each kind one over places: hill climbing asks only for the next change. A
    child's reward r, its accuracy less its parent's, is compared with a moving average b of the
    rewards before,

        A = (r - b) / s,    s^2 the moving average of (r - b)^2,

    so that the step does not depend on how far accuracies are apart (Williams 1992 on baselines;
    the scale is ours). A is bounded, because now and then a training fails altogether. The
    log-probability of a child is the sum over its morphisms, so each of them takes the whole step.

    Which places a network has is not looked at: the softmax is over all there may be. The gradient
    of the places that it has is right up to a term that the baseline keeps small.

    Args:
        mix: Probabilities of morphisms to begin with; those of nought are never drawn.
        learning_rate: Of the kinds and of the places.
        decay: Share of the moving averages that a new reward leaves, 0 to below 1.
        entropy_share: See `Preferences`.
    """

    def __init__(
        self,
        mix: Mapping[str, float],
        *,
        learning_rate: float = 0.2,
        decay: float = 0.9,
        entropy_share: float = 0.5,
    ) -> None:
        begin = {kind: math.log(weight) for kind, weight in mix.items() if weight > 0}
        self._kinds = tuple(begin)
        self._rate = learning_rate
        self._decay = decay
        self._kind = Preferences(np.array(list(begin.values())), entropy_share=entropy_share)
        even = np.zeros(len(_PLACES))
        self._places = {kind: Preferences(even, entropy_share=entropy_share) for kind in begin}
        self._baseline: float | None = None
        self._variance = 0.0

    def choose(self) -> Choice:
        """See `Policy`."""
        mix = dict(zip(self._kinds, self._kind.probabilities().tolist(), strict=True))
        weights = {
            kind: len(_PLACES) * preferences.probabilities()
            for kind, preferences in self._places.items()
        }

        def place_weight(kind: str, place: Place) -> float:
            return float(weights[kind][_PLACES[place]]) if kind in weights else 1.0

        return Choice(mix, place_weight)

    def tell(self, morphs: Sequence[MorphRecord], reward: float) -> None:
        """See `Policy`."""
        step = self._rate * self._advantage(reward)
        made = [each for each in morphs if each.kind in self._places]
        self._kind.reinforce(_times_drawn(self._kinds, made), step)
        for kind, preferences in self._places.items():
            counts = np.zeros(len(_PLACES))
            for each in made:
                if each.kind == kind and each.place is not None:
                    counts[_PLACES[each.place]] += 1
            preferences.reinforce(counts, step)

    def _advantage(self, reward: float) -> float:
        """How much better than usual, in usual deviations; 0 for the first child."""
        if self._baseline is None:
            self._baseline = reward
            return 0.0
        difference = reward - self._baseline
        square = difference**2
        self._variance = self._variance or square
        scaled = difference / math.sqrt(self._variance) if self._variance else 0.0
        self._baseline += (1 - self._decay) * difference
        self._variance += (1 - self._decay) * (square - self._variance)
        return min(max(scaled, -_MOST_ADVANTAGE), _MOST_ADVANTAGE)


class Preferences:
    """A softmax over choices that learns by REINFORCE and never settles on one of them.

    Choice a is drawn with probability p_a = exp(v_a) / sum_j exp(v_j), and a draw that turned out
    better than expected by A moves the preferences along the gradient of its log-probability,

        v_j += step * A * (1[j = a] - p_j)

    (Williams 1992, Simple statistical gradient-following algorithms for connectionist reinforcement
    learning). Where the entropy of p would fall under a floor, all preferences shrink until it does
    not: the entropy of softmax(s v) falls with s, so the largest s is found by bisection. Shrinking
    the preferences, not mixing in an even draw, keeps the gradient alive, so that what was learned
    can be unlearned.

    Args:
        values: Preferences at the start, float `(num_choices,)`; an even draw where all are equal.
        entropy_share: The floor, as a share of the entropy of an even draw, 0 to below 1.
    """

    def __init__(self, values: np.ndarray, *, entropy_share: float) -> None:
        self._floor = entropy_share * np.log(len(values))
        self.values = self._lively(np.asarray(values, np.float64))

    def probabilities(self) -> np.ndarray:
        """How often each choice is drawn, float `(num_choices,)`, summing to 1, none of them 0."""
        return _softmax(self.values)

    def reinforce(self, counts: np.ndarray, step: float) -> None:
        """Makes what was drawn likelier, or less likely where the step is negative.

        Args:
            counts: How often each choice was drawn, `(num_choices,)`.
            step: Learning rate times advantage.
        """
        gradient = counts - counts.sum() * self.probabilities()
        self.values = self._lively(self.values + step * gradient)

    def _lively(self, values: np.ndarray) -> np.ndarray:
        """The values, shrunk where their entropy is under the floor; else just as they are."""
        if _entropy(_softmax(values)) >= self._floor:
            return values
        low, high = 0.0, 1.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            enough = _entropy(_softmax(middle * values)) >= self._floor
            low, high = (middle, high) if enough else (low, middle)
        return low * values


def _softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max())
    shares: np.ndarray = raised / raised.sum()
    return shares


def _entropy(probabilities: np.ndarray) -> float:
    """In nats; 0 log 0 is 0."""
    positive = probabilities[probabilities > 0]
    return float(-np.sum(positive * np.log(positive)))


def _times_drawn(kinds: Sequence[str], morphs: Sequence[MorphRecord]) -> np.ndarray:
    """How often each kind is among the morphisms, `(num_kinds,)`."""
    return np.array([sum(each.kind == kind for each in morphs) for kind in kinds])
