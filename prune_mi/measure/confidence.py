"""Whether a classifier is as right as it is sure of itself, and whether its classes are mixed up.

A classifier's answer has a probability. Over many samples their mean is how often it expects to be
right (Guo et al., On calibration of modern neural networks, ICML 2017, measure the difference bin
by bin). A weak model that knows it is weak has a small gap, one that is asked the wrong way, by
other labels or pixels than it was trained on, a large one.
"""

import math
from dataclasses import dataclass

import numpy as np

from prune_mi.data.scaling import clearly_above
from prune_mi.measure.quality import is_probabilities

_DOUBTFUL_GAP = 0.1
_LARGE_GAP = 0.25
_LITTLE_SKILL = 0.4
_GAP_ERRORS = 2.0
_LEAST_SKILL, _MOST_OF, _UNSURE_GAP = 0.25, 0.6, 0.2
_CLEAR_ERRORS, _CLEAR_GAIN = 3.0, 0.05
_CERTAIN = 1 - 1e-7  # 1 in float32
SIGNIFICANT_Z = 2.33  # one-sided, 1 %


@dataclass(frozen=True, slots=True)
class Confidence:
    """How right and how sure a classifier is on some samples; all are fractions.

    Attributes:
        accuracy: How often it is right.
        probability: The mean probability of its answers.
        chance: What guessing would get.
        error: Standard error of the difference of the first two.
        num_samples: How many samples that was.
    """

    accuracy: float
    probability: float
    chance: float
    error: float
    num_samples: int

    @property
    def is_doubtful(self) -> bool:
        """Whether it is less right than sure by more than overfitting usually makes it."""
        return self._gap > _DOUBTFUL_GAP

    @property
    def is_refuted(self) -> bool:
        """Whether it is right on so little of what it is sure of that it is asked the wrong way.

        Of what it claims above chance less than two fifths are true. Models that are right, but
        overconfident or judged by noisy labels, keep more: at a third of all labels wrong, half.
        """
        claimed = self.probability - self.chance
        return self._gap > _LARGE_GAP and self.accuracy - self.chance < _LITTLE_SKILL * claimed

    @property
    def is_plausible(self) -> bool:
        """Whether it is about as right as sure, as trained models are and others are by luck.

        The outputs of an untrained network tell classes apart, too, once each is named for the
        class that it sees most often; but it is hardly sure of any, or too sure of large inputs.
        """
        claimed = self.probability - self.chance
        return (
            self.accuracy - self.chance > max(_LEAST_SKILL * (1 - self.chance), _MOST_OF * claimed)
            and self.accuracy - self.probability < _UNSURE_GAP
        )

    @property
    def _gap(self) -> float:
        """How much less right than sure it is, beyond what chance explains."""
        return self.probability - self.accuracy - _GAP_ERRORS * self.error


def confidence(outputs: np.ndarray, labels: np.ndarray) -> Confidence:
    """Measures how right and how sure a classifier is.

    Args:
        outputs: Probabilities or logits, `(n, classes)`.
        labels: int `(n,)`, places of the outputs.
    """
    probabilities = _top_probabilities(outputs)
    right = outputs.argmax(axis=1) == labels
    difference = probabilities - right
    commonest = float(np.bincount(labels).max() / len(labels))
    return Confidence(
        accuracy=float(right.mean()),
        probability=float(probabilities.mean()),
        chance=max(1 / outputs.shape[1], commonest),
        error=float(difference.std() / math.sqrt(len(labels))),
        num_samples=len(labels),
    )


def is_useful(found: Confidence) -> bool:
    """Whether a classifier is clearly more often right than chance."""
    return found.accuracy > clearly_above(found.chance, found.num_samples)


def is_clearly_better(new: np.ndarray, old: np.ndarray, *, least: float = _CLEAR_GAIN) -> bool:
    """Whether one way to ask is right more often than another, image by image.

    By three standard errors of the paired difference and by more than `least`, since with many
    images the former alone would be a hair.

    Args:
        new: bool `(n,)`, whether each answer is right.
        old: The same of the other way.
        least: Difference of the accuracies, a fraction.
    """
    gain = new.astype(float) - old
    error = float(gain.std()) / math.sqrt(len(gain))
    return float(gain.mean()) > max(_CLEAR_ERRORS * error, least)


def is_saturated(outputs: np.ndarray) -> bool:
    """Whether most answers have a probability of 1 to the last digits.

    So they do where inputs are hundreds of times as large as those of the training: a network of
    rectified units is then as right as ever, and no loss has ever asked it to be so sure.
    """
    return float(np.median(_top_probabilities(outputs))) > _CERTAIN


def best_assignment(answers: np.ndarray, labels: np.ndarray, num_classes: int) -> tuple[int, ...]:
    """The class that each output stands for if it is right as often as it can be.

    The assignment problem over how often each output answers to each class (Kuhn 1955); where
    nothing decides, an output keeps its own class.

    Args:
        answers: int `(n,)`, the outputs that were the largest.
        labels: int `(n,)`.
        num_classes: Outputs and classes.

    Returns:
        For each output a class, every class once.
    """
    from scipy.optimize import linear_sum_assignment  # which takes a second to import

    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (answers, labels), 1.0)
    counts += 0.5 / num_classes * np.eye(num_classes)
    _, classes = linear_sum_assignment(counts, maximize=True)
    return tuple(map(int, classes))


def _top_probabilities(outputs: np.ndarray) -> np.ndarray:
    if is_probabilities(outputs):
        return np.asarray(outputs.max(axis=1), dtype=np.float64)
    # Of a softmax, the largest: 1 / sum of exp(z - max z).
    shifted = outputs.astype(np.float64) - outputs.max(axis=1, keepdims=True)
    return np.asarray(1 / np.exp(shifted).sum(axis=1))


def has_memorized_training(
    train_accuracy: float, num_train: int, test_metric: float, num_test: int
) -> bool:
    """Whether accuracy on training images is significantly above that on test images.

    So it is where a model was trained on them all: a validation split of them would flatter it and
    shame its children. Two proportions are compared, p being the pooled accuracy:
    z = (a_train - a_test) / sqrt(p (1 - p) (1/n + 1/m)).
    """
    pooled = (train_accuracy * num_train + test_metric * num_test) / (num_train + num_test)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / num_train + 1 / num_test))
    gap = train_accuracy - test_metric
    return gap > 0 if spread == 0 else gap / spread > SIGNIFICANT_Z
