"""What a model answers, and how often it is right."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np

from prune_mi.data import InputScaling
from prune_mi.keras_io.forward.forward_pass import compiled_forward, eager_forward

NO_ANSWER = -1  # in place of a class, where outputs are not finite
_FEW = 256
_MOST_AT_ONCE = 64  # images evaluated eagerly: all tensors of theirs are held


class Predictor:
    """A model that is asked more than once: it is compiled once, when that pays.

    A few images are evaluated eagerly: compiling a deep model costs more. A compiled model gets
    batches of one size, the last one filled up: it would be compiled again for another. Its weights
    may be set anew between two calls.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    @cached_property
    def _compiled(self) -> Callable[[np.ndarray], Any]:
        return compiled_forward(self.model)

    def __call__(
        self, images: np.ndarray, scaling: InputScaling, *, batch_size: int = 128
    ) -> np.ndarray:
        """The model's outputs, float32 `(n, columns)`, its input scaled batch by batch."""
        few = len(images) <= _FEW
        answer = eager_forward(self.model) if few else self._compiled
        size = min(batch_size, _MOST_AT_ONCE if few else batch_size, len(images))
        outputs = []
        for start in range(0, len(images), size):
            batch = scaling.apply(np.asarray(images[start : start + size]))
            filled = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
            outputs.append(np.asarray(answer(filled), dtype=np.float32)[: len(batch)])
        return np.concatenate(outputs)


def predict(model: keras.Model, images: np.ndarray, scaling: InputScaling) -> np.ndarray:
    """A model's outputs, float32 `(n, columns)`, where it is asked once; see `Predictor`."""
    return Predictor(model)(images, scaling)


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of rows whose largest output is at the label."""
    return float(np.mean(outputs.argmax(axis=1) == labels))


def answers_of(outputs: np.ndarray, num_classes: int) -> np.ndarray:
    """The class that each row answers, int `(n,)`; `NO_ANSWER` where it holds NaN or infinity.

    Args:
        outputs: float `(n, columns)`.
        num_classes: How many of the columns, the first ones, are of classes.
    """
    classes = outputs[:, :num_classes]
    return np.where(np.isfinite(classes).all(axis=1), classes.argmax(axis=1), NO_ANSWER)


def is_probabilities(outputs: np.ndarray) -> bool:
    """Whether rows are distributions over classes; otherwise they are taken for logits."""
    return bool(outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1.0, atol=2e-2))
