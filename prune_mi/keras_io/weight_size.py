"""How many weights an architecture asks for, counted without any memory for them."""

import math
import threading
from collections.abc import Callable
from typing import Any

import keras

from prune_mi.errors import ModelError

_SMALL = 2**28  # weights, a gigabyte: fewer are not suspected of anything
_MOST_VALUES_A_BYTE = 4  # compressed weights take a byte for one or two


class ImplausibleSizeError(ModelError):
    """The architecture asks for far more weights than the file can hold."""


def most_values(num_bytes: int) -> int:
    """Weights that the model in a file of so many bytes may have at most."""
    return max(_SMALL, _MOST_VALUES_A_BYTE * num_bytes)


def require_plausible_size(build: Callable[[], keras.Model], num_bytes: int) -> None:
    """Builds a model whose weights have shapes alone, and counts them.

    Keras makes no values in a stateless scope. The scope would make them when it ends, so it never
    ends: it belongs to a thread, and is gone with it.

    Args:
        build: Makes the model from its configuration.
        num_bytes: What the file holds of weights.

    Raises:
        ImplausibleSizeError: If the architecture asks for far more weights than the file can hold.
        Exception: Whatever `build` raises.
    """
    outcome: list[Any] = []

    def count() -> None:
        try:
            keras.StatelessScope().__enter__()
            outcome.append(sum(math.prod(weight.shape) for weight in build().weights))
        except Exception as error:  # handed on to the thread that asked
            outcome.append(error)

    thread = threading.Thread(target=count, name="weight-size")
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    if outcome[0] > most_values(num_bytes):
        raise ImplausibleSizeError(
            f"the model's architecture asks for {outcome[0]:,} weights, and the file holds "
            f"{num_bytes:,} bytes of them; save the model again"
        )
