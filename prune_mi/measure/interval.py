"""How sure a share is that was measured on some images, such as an accuracy."""

from math import sqrt

DEVIATIONS = 1.959964  # of a normal distribution, between which 95 % of it lie


def accuracy_interval(accuracy: float, num_images: int) -> tuple[float, float]:
    """The range that holds the accuracy on all images of the kind, at 95 % confidence.

    Args:
        accuracy: The share of right answers, in [0, 1].
        num_images: Images that it was measured on, 1 or more, drawn at random from that kind.
    """
    return score_interval(accuracy, num_images, DEVIATIONS)


def score_interval(share: float, num_images: int, deviations: float) -> tuple[float, float]:
    """Wilson's score interval of a share.

    (*Probable inference, the law of succession, and statistical inference*, 1927.) It stays within
    [0, 1], and is no point where the share is 0 or 1.

    Args:
        share: In [0, 1].
        num_images: Images that it was measured on, 1 or more.
        deviations: Standard deviations on each side, above 0.
    """
    weight = deviations**2 / num_images
    middle = (share + weight / 2) / (1 + weight)
    spread = share * (1 - share) / num_images + weight / (4 * num_images)
    reach = deviations * sqrt(spread) / (1 + weight)
    return max(0.0, middle - reach), min(1.0, middle + reach)
