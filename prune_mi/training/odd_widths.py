"""Which numbers of channels a processor's batch norms are fast for.

TensorFlow's batch norms of images take a vector of channels at a time, 8 or 16 of them, and are
several times slower where a number of channels is no multiple of that. (One thread with AVX2, 64
images of 32x32 pixels, forward and back: 1.1 ms for 8 channels, 14.8 ms for 13.)
"""

import time
from functools import cache

import keras

_SHAPE = (32, 32, 32)
_WIDE, _HALF, _ODD = 32, 24, 13
_REPEATS = 5
_SLOWER = 2.0  # times


@cache
def norm_multiple() -> int:
    """16, 8, or 1 where all numbers of channels are about as fast; measured once a process."""
    if keras.backend.backend() != "tensorflow":
        return 1
    usual = _SLOWER * _seconds_a_channel(_WIDE)
    if _seconds_a_channel(_HALF) > usual:
        return 16
    return 8 if _seconds_a_channel(_ODD) > usual else 1


def _seconds_a_channel(width: int) -> float:
    """Of a batch norm, forward and back: the least of a few, which is what it takes alone."""
    import tensorflow as tf

    with tf.device("cpu:0"):
        images, scale, offset = tf.ones((*_SHAPE, width)), tf.ones(width), tf.zeros(width)
        found = []
        for _ in range(_REPEATS):
            begun = time.perf_counter()
            with tf.GradientTape() as tape:
                tape.watch(images)
                outputs, *_ = tf.compat.v1.nn.fused_batch_norm(
                    images, scale, offset, is_training=True
                )
            tape.gradient(outputs, images).numpy()
            found.append(time.perf_counter() - begun)
    return min(found) / width
