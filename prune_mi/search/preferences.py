"""A softmax over choices that learns by REINFORCE and never settles on one of them.

Choice a is drawn with probability p_a = exp(v_a) / sum_j exp(v_j), and a draw that turned out
better than expected by A moves the preferences along the gradient of its log-probability,

    v_j += step * A * (1[j = a] - p_j)

(Williams 1992, Simple statistical gradient-following algorithms for connectionist reinforcement
learning). Where the entropy of p would fall under a floor, all preferences shrink until it does
not: the entropy of softmax(s v) falls with s, so the largest s is found by bisection. Shrinking the
preferences, not mixing in an even draw, keeps the gradient alive, so that what was learned can be
unlearned.
"""

import numpy as np

_BISECTIONS = 40


class Preferences:
    """Preferences for one of several choices.

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
