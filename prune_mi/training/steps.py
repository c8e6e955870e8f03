"""The steps of a training, many to a call where an accelerator would wait for Python between them.

A step of a small network takes an accelerator less time than Python takes to ask for it. JAX runs a
loop of steps as one program, Keras's own step its body.
"""

from typing import Any, Protocol

import keras
import numpy as np

from prune_mi.keras_io.runtime import has_accelerator

_MOST_STEPS = 64
_MOST_BYTES = 2**25  # of the batches of one call


class Steps(Protocol):
    """A compiled model that is trained."""

    def place(self, images: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        """Brings batches, stacked, to where the steps are computed; any thread may ask for it."""

    def run(self, images: Any, targets: Any, rates: list[float]) -> float:
        """Takes a step for each learning rate, the batches `images[i]`, `targets[i]`.

        Returns:
            A mean of losses up to the last one, which is not finite if that one is not.
        """

    def finish(self) -> None:
        """Gives the model its trained weights."""


def steps_of(model: keras.Model) -> Steps:
    """The steps of a compiled model whose optimizer is built, as its backend takes them best."""
    return _LoopedSteps(model) if keras.backend.backend() == "jax" else _SingleSteps(model)


def steps_a_call(batch_bytes: int) -> int:
    """How many steps should go into a call, for batches of so many bytes."""
    if keras.backend.backend() != "jax" or not has_accelerator():
        return 1
    return max(1, min(_MOST_STEPS, _MOST_BYTES // max(batch_bytes, 1)))


class _SingleSteps:
    """One step after the other, by Keras."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model

    def place(self, images: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        return images, targets

    def run(self, images: Any, targets: Any, rates: list[float]) -> float:
        loss = 0.0
        for batch, wanted, rate in zip(images, targets, rates, strict=True):
            self._model.optimizer.learning_rate = rate
            loss = float(self._model.train_on_batch(batch, wanted))
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
        rate_at = next(
            place
            for place, variable in enumerate(model.optimizer.variables)
            if variable.name == "learning_rate"
        )

        def step(state: Any, images: Any, targets: Any, rate: Any) -> Any:
            optimizer = [*state[2][:rate_at], rate, *state[2][rate_at + 1 :]]
            state = (*state[:2], optimizer, state[3])
            logs, state = model.train_step(state, (images, targets))
            return logs["loss"], tuple(list(part) for part in state)

        def call(state: Any, images: Any, targets: Any, rates: Any, count: Any) -> Any:
            if len(images) == 1:
                return step(state, images[0], targets[0], rates[0])

            def body(index: Any, carried: Any) -> Any:
                return step(carried[1], images[index], targets[index], rates[index])

            return jax.lax.fori_loop(0, count, body, (jax.numpy.zeros(()), state))

        self._call = jax.jit(call, donate_argnums=0)
        self._longest = 0

    def place(self, images: np.ndarray, targets: np.ndarray) -> tuple[Any, Any]:
        import jax

        self._longest = max(self._longest, len(images))
        missing = self._longest - len(images)  # a last call of fewer steps must not compile anew
        if missing:
            images = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
            targets = np.concatenate([targets, np.repeat(targets[-1:], missing, axis=0)])
        placed: tuple[Any, Any] = jax.device_put((images, targets))
        return placed

    def run(self, images: Any, targets: Any, rates: list[float]) -> float:
        padded = np.zeros(len(images), dtype=np.float32)
        padded[: len(rates)] = rates
        loss, self._state = self._call(self._state, images, targets, padded, len(rates))
        return float(loss)

    def finish(self) -> None:
        for variables, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
