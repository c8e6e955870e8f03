"""How sure an accuracy is that was measured on some images."""

from math import sqrt

_DEVIATIONS = 1.959964  # of a normal distribution, between which 95 % of it lie


def accuracy_interval(accuracy: float, num_images: int) -> tuple[float, float]:
    """The range that holds the accuracy on all images of the kind, at 95 % confidence.

    Wilson's score interval (*Probable inference, the law of succession, and statistical inference*,
    1927): it stays within [0, 1], and is no point where all answers are right.

    Args:
        accuracy: The share of right answers, in [0, 1].
        num_images: Images that it was measured on, 1 or more, drawn at random from that kind.
    """
    weight = _DEVIATIONS**2 / num_images
    middle = (accuracy + weight / 2) / (1 + weight)
    spread = accuracy * (1 - accuracy) / num_images + weight / (4 * num_images)
    reach = _DEVIATIONS * sqrt(spread) / (1 + weight)
    return max(0.0, middle - reach), min(1.0, middle + reach)
