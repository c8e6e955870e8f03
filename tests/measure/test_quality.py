"""A model's outputs do not depend on the batches they are asked for in."""

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.data import fit_scaling
from prune_mi.measure.quality import predict

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_last_batch_of_another_size_is_answered_alike(data_format: str) -> None:
    rng = np.random.default_rng(0)
    inputs = keras.Input((4, 6, 6))
    x = layers.Conv2D(3, 3, data_format=data_format)(inputs)
    model = keras.Model(inputs, layers.Dense(5)(layers.Flatten()(x)))
    images = rng.normal(size=(21, 4, 6, 6)).astype(np.float32)
    scaling = fit_scaling("none", images)
    at_once = predict(model, images, scaling, batch_size=21)
    assert at_once.shape == (21, 5)
    np.testing.assert_allclose(predict(model, images, scaling, batch_size=8), at_once, atol=1e-5)
