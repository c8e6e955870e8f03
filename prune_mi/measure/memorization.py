"""Whether a model has memorized its training images, by the gap between training and test accuracy.

A model that was trained on all training images is right more often on them than on new ones. A
validation split of them would flatter it and shame its children, which is seen by comparing two
proportions: z = (a_train - a_test) / sqrt(p (1 - p) (1/n + 1/m)), p the pooled accuracy.
"""

import math

SIGNIFICANT_Z = 2.33  # one-sided, 1 %


def has_memorized_training(
    train_accuracy: float, num_train: int, test_accuracy: float, num_test: int
) -> bool:
    """Whether accuracy on training images is significantly above that on test images."""
    pooled = (train_accuracy * num_train + test_accuracy * num_test) / (num_train + num_test)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / num_train + 1 / num_test))
    gap = train_accuracy - test_accuracy
    return gap > 0 if spread == 0 else gap / spread > SIGNIFICANT_Z
