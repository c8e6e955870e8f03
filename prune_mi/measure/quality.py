"""What a model answers, and how often it is right."""

import keras
import numpy as np

from prune_mi.data import InputScaling
from prune_mi.keras_io.callable import needs_xla

_MOST_EAGER = 64


def predict(
    model: keras.Model, images: np.ndarray, scaling: InputScaling, *, batch_size: int = 128
) -> np.ndarray:
    """A model's outputs, float32 `(n, columns)`, its input scaled batch by batch.

    TensorFlow evaluates short runs eagerly: tracing a deep model costs more than a few batches do.
    All tensors of a batch are held then, so it is no larger than 64 images. A compiled model gets
    batches of one size, the last one filled up: it would be compiled again for another.
    """
    eager = len(images) <= 20 * batch_size and _runs_eagerly(model)
    if eager:
        batch_size = min(batch_size, _MOST_EAGER)
    outputs = []
    for start in range(0, len(images), batch_size):
        batch = scaling.apply(np.asarray(images[start : start + batch_size]))
        if eager:
            answer = model(keras.ops.convert_to_tensor(batch), training=False)
        else:
            missing = min(batch_size, len(images)) - len(batch)
            filled = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
            answer = model.predict_on_batch(filled)
        outputs.append(np.asarray(answer, dtype=np.float32)[: len(batch)])
    return np.concatenate(outputs)


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of rows whose largest output is at the label."""
    return float(np.mean(outputs.argmax(axis=1) == labels))


def is_probabilities(outputs: np.ndarray) -> bool:
    """Whether rows are distributions over classes; otherwise they are taken for logits."""
    return bool(outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1.0, atol=2e-2))


def _runs_eagerly(model: keras.Model) -> bool:
    return keras.backend.backend() == "tensorflow" and not needs_xla(model)
