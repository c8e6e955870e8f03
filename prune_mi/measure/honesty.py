"""Whether a model remembers its training images, and how far an accuracy can be trusted.

A model that was trained on all training images is right more often on them than on new ones. A
validation split of them would flatter it and shame its children, which is seen by comparing two
proportions: z = (a_train - a_test) / sqrt(p (1 - p) (1/n + 1/m)), p the pooled accuracy.
"""

import math

SIGNIFICANT_Z = 2.33  # one-sided, 1 %
_KEPT_ERRORS = 0.5


def remembers_training(
    train_accuracy: float, num_train: int, test_accuracy: float, num_test: int
) -> bool:
    """Whether accuracy on training images is significantly above that on test images."""
    pooled = (train_accuracy * num_train + test_accuracy * num_test) / (num_train + num_test)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / num_train + 1 / num_test))
    gap = train_accuracy - test_accuracy
    return gap > 0 if spread == 0 else gap / spread > SIGNIFICANT_Z


def kept_back(allowed_drop: float, accuracy: float, num_images: int) -> float:
    """The part of an allowed drop that selection leaves for the error of its own estimate.

    Of the children that validation puts just within the allowed drop, half are in truth beyond it,
    and more once the best of several is chosen. Half a standard error, sqrt(p (1 - p) / n) / 2, is
    kept back, though never more than half of what is allowed.

    Args:
        allowed_drop: A fraction.
        accuracy: The original's on the validation images.
        num_images: Validation images.

    Returns:
        A fraction, at least 0.
    """
    error = math.sqrt(accuracy * (1 - accuracy) / num_images)
    return min(_KEPT_ERRORS * error, allowed_drop / 2)
