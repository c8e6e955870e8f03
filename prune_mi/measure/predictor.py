"""What a model answers."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np

from prune_mi.data import InputScaling
from prune_mi.data.chunks import LARGE, forget
from prune_mi.keras_io.forward.forward_pass import compiled_forward, eager_forward

_FEW = 256


_FORGET_EVERY = 64  # batches
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
            if images.nbytes > LARGE and start // size % _FORGET_EVERY == _FORGET_EVERY - 1:
                forget(images)
        return np.concatenate(outputs)


def predict(model: keras.Model, images: np.ndarray, scaling: InputScaling) -> np.ndarray:
    """A model's outputs, float32 `(n, columns)`, where it is asked once; see `Predictor`."""
    return Predictor(model)(images, scaling)
