"""A layer as users have them; the tests use it with Keras 2 and Keras 3."""

import keras


@keras.saving.register_keras_serializable(package="tests")
class Scale(keras.layers.Layer):
    """Multiplies by a weight a channel, and a fixed factor."""

    def __init__(self, factor: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")
        self.built = True

    def call(self, inputs: object) -> object:
        return inputs * self.scale * self.factor

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "factor": self.factor}
