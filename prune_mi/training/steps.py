"""The steps of a training, many to a call where an accelerator would wait for Python between them.

A step of a small network takes an accelerator less time than Python takes to ask for it. JAX runs a
loop of steps as one program, Keras's own step its body.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import keras
import numpy as np

from prune_mi.keras_io.runtime.backend import has_accelerator

_MOST_BATCHES = 64
_MOST_BYTES = 2**25  # of the batches brought to an accelerator at once
_MOST_SECONDS = 0.5  # in which they are made


class Steps(Protocol):
    """A compiled model that is trained."""

    def place(self, images: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        """Brings batches, stacked, to where the steps are computed; any thread may ask for it."""

    def compile(self, images: Any, targets: Any) -> bool:
        """Compiles what will be run; False where only a first step can do so."""

    def run(self, images: Any, targets: Any, rates: Sequence[float], *, start: int) -> float:
        """Takes a step for each learning rate, on the placed batches from `start` on.

        Returns:
            A mean of losses up to the last one, which is not finite if that one is not.
        """

    def finish(self) -> None:
        """Gives the model its trained weights."""


def steps_of(model: keras.Model) -> Steps:
    """The steps of a compiled model whose optimizer is built, as its backend takes them best."""
    return _LoopedSteps(model) if keras.backend.backend() == "jax" else _SingleSteps(model)


def batches_at_once(batch_bytes: int, seconds: float) -> int:
    """How many batches should be placed together, of so many bytes each and made in such a time."""
    if keras.backend.backend() != "jax" or not has_accelerator():
        return 1
    in_time = _MOST_SECONDS / max(seconds, 1e-6)
    return int(max(1, min(_MOST_BATCHES, _MOST_BYTES / max(batch_bytes, 1), in_time)))


class _SingleSteps:
    """One step after the other, by Keras."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def place(self, images: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        return images, targets

    def compile(self, images: Any, targets: Any) -> bool:
        return False

    def run(self, images: Any, targets: Any, rates: Sequence[float], *, start: int) -> float:
        loss = 0.0
        for index, rate in enumerate(rates, start):
            self._model.optimizer.learning_rate = rate
            loss = float(self._model.train_on_batch(images[index], targets[index]))
        return loss

    def finish(self) -> None:
        pass


class _LoopedSteps:
    """JAX: a call is one program, and the weights stay on the device between calls."""

    def __init__(self, model: keras.Model) -> None:
        import jax

        self._variables = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
        # The program is given the state for good, the variables keep theirs until the end.
        self._state = jax.tree.map(
            lambda variable: jax.numpy.array(variable.value, copy=True),
            self._variables,
            is_leaf=lambda each: isinstance(each, keras.Variable),
        )
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # of a scaled loss
        rate = next(each for each in inner.variables if each.name == "learning_rate")
        rate_at = [each is rate for each in model.optimizer.variables].index(True)

        def step(state: Any, images: Any, targets: Any, rate: Any) -> Any:
            optimizer = [*state[2][:rate_at], rate, *state[2][rate_at + 1 :]]
            state = (*state[:2], optimizer, state[3])
            logs, state = model.train_step(state, (images, targets))
            return logs["loss"].astype("float32"), tuple(list(part) for part in state)

        def call(state: Any, images: Any, targets: Any, rates: Any, start: Any, stop: Any) -> Any:
            if len(images) == 1:
                return step(state, images[0], targets[0], rates[0])

            def body(index: Any, carried: Any) -> Any:
                return step(carried[1], images[index], targets[index], rates[index])

            return jax.lax.fori_loop(start, stop, body, (jax.numpy.zeros((), "float32"), state))

        self._call: Any = jax.jit(call, donate_argnums=0)
        self._longest = 0

    def place(self, images: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        import jax

        self._longest = max(self._longest, len(images))
        missing = self._longest - len(images)  # a last call of fewer batches must not compile anew
        if missing:
            images = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
            targets = np.concatenate([targets, np.repeat(targets[-1:], missing, axis=0)])
        placed: tuple[Any, Any] = jax.device_put((images, targets))
        return placed

    def compile(self, images: Any, targets: Any) -> bool:
        rates = self._padded((), images, 0)
        self._call = self._call.lower(self._state, images, targets, rates, 0, 0).compile()
        return True

    def run(self, images: Any, targets: Any, rates: Sequence[float], *, start: int) -> float:
        all_rates, stop = self._padded(rates, images, start), start + len(rates)
        loss, self._state = self._call(self._state, images, targets, all_rates, start, stop)
        return float(loss)

    def finish(self) -> None:
        for variables, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    @staticmethod
    def _padded(rates: Sequence[float], images: Any, start: int) -> np.ndarray:
        padded = np.zeros(len(images), dtype=np.float32)
        padded[start : start + len(rates)] = rates
        return padded
