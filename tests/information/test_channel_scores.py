"""What channels are said to add, against what is lost when each is replaced by its mean."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers, ops
from scipy.stats import spearmanr

from prune_mi.data import fit_scaling, load_dataset
from prune_mi.graph.channels.inner_widths import last_kernel
from prune_mi.graph.channels.magnitude import magnitudes
from prune_mi.graph.channels.width_groups import widths
from prune_mi.graph.edit import with_named_weights, with_weights
from prune_mi.graph.ir import LayerGraph
from prune_mi.information.channels.probes import slopes
from prune_mi.information.channels.scores import ChannelRequest, by_layer, channel_scores
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from tests.judges import of_classes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def request_of_digits() -> ChannelRequest:
    """A small residual network that has learned digits."""
    keras.utils.set_random_seed(0)
    data = load_dataset("digits")
    inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 16)(inputs)
    x = layers.Conv2D(12, 3, padding="same", use_bias=False, name="stem")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.Conv2D(10, 3, padding="same", name="inner")(x)
    y = layers.Conv2D(12, 3, padding="same", name="outer")(layers.ReLU()(y))
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Dense(16, activation="relu", name="hidden")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(x))
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(data.x_train, data.y_train, epochs=12, verbose=0)
    return ChannelRequest(
        graph=trace_model(model),
        images=data.x_train[:512],
        truth=data.y_train[:512],
        scaling=fit_scaling("none", data.x_train),
        judge=of_classes(10),
        seed=0,
    )


def _ones(rows: slice) -> np.ndarray:
    """Targets that the losses below do not look at."""
    return np.ones((rows.stop - rows.start, 2))


def test_the_least_are_those_whose_replacement_changes_the_answers_least(
    request_of_digits: ChannelRequest,
) -> None:
    request = request_of_digits
    scores = by_layer(widths(request.graph), channel_scores("information", request))
    for name, reader in (("inner", "outer"), ("hidden", "head")):
        lost = _lost_at(request, name, reader)
        assert spearmanr(scores[name], lost)[0] > 0.8
    assert np.array_equal(scores["stem"], scores["outer"])  # which are added to each other


def test_a_channel_that_says_nothing_adds_nothing(request_of_digits: ChannelRequest) -> None:
    request = request_of_digits
    kernel, bias = (each.copy() for each in request.graph.layers["inner"].weights)
    kernel[..., 3], bias[3] = 0.0, 5.0  # always the same
    graph = with_named_weights(request.graph, {"inner": {"kernel": kernel, "bias": bias}})
    changed = ChannelRequest(
        graph, request.images, request.truth, request.scaling, request.judge, request.seed
    )
    for criterion, most in (("information", 1e-6), ("magnitude", 1e-6)):
        scores = by_layer(widths(graph), channel_scores(criterion, changed))["inner"]
        assert scores[3] <= most * scores.max()


def test_heads_go_by_what_the_answers_lose_without_them() -> None:
    keras.utils.set_random_seed(0)
    data = load_dataset("digits")
    inputs = keras.Input((8, 8, 1))
    x = layers.Dense(24)(layers.Reshape((8, 8))(layers.Rescaling(1 / 16)(inputs)))
    x = layers.Add()([x, layers.MultiHeadAttention(8, 3, name="attention")(x, x)])
    x = layers.Dense(24, activation="relu")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(data.x_train, data.y_train, epochs=8, verbose=0)
    graph = trace_model(model)
    request = ChannelRequest(
        graph=graph,
        images=data.x_train,
        truth=data.y_train,
        scaling=fit_scaling("none", data.x_train),
        judge=of_classes(10),
        seed=0,
    )
    scores = by_layer(widths(graph), channel_scores("information", request))["attention/heads"]
    before, lost = _answers(graph, request.images), []
    layer = graph.layers["attention"]
    for head in range(8):
        weights = [each.copy() for each in layer.weights]
        weights[last_kernel(layer)][head] = 0
        after = _answers(with_weights(graph, {"attention": weights}), request.images)
        lost.append(float((before * (np.log(before) - np.log(after))).sum(axis=1).mean()))
    assert spearmanr(scores, lost)[0] > 0.7


@pytest.mark.parametrize("criterion", ["information", "taylor", "magnitude", "random"])
def test_every_criterion_scores_all_channels_the_same_each_time(
    request_of_digits: ChannelRequest, criterion: str
) -> None:
    scores = channel_scores(criterion, request_of_digits)
    assert scores.shape == (widths(request_of_digits.graph).num_channels,)
    assert np.isfinite(scores).all() and (scores >= 0).all()
    np.testing.assert_array_equal(scores, channel_scores(criterion, request_of_digits))


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_the_magnitude_of_a_recurrent_unit_is_that_of_all_its_gates(kind: type) -> None:
    inputs = keras.Input((5, 3))
    graph = trace_model(keras.Model(inputs, layers.Dense(2)(kind(4, name="units")(inputs))))
    weights = {}
    for name, weight in graph.layers["units"].named_weights:
        weights[name] = weight.copy()
        weights[name][..., 2::4] = 0.0  # of each gate the third unit
    found = magnitudes(with_named_weights(graph, {"units": weights}))
    own = found[widths(graph).made["units"]]
    assert own[2] == 0 and (np.delete(own, 2) > 0.5).all() and len(set(own)) == 4


def test_what_a_depthwise_convolution_hands_on_counts_once(rng: np.random.Generator) -> None:
    graphs = []
    for names in (("made", "read"), ("made", "handed", "read")):
        keras.utils.set_random_seed(0)
        inputs = x = keras.Input((4, 4, 3))
        for name in names:
            if name == "handed":
                one = {"depthwise_initializer": "ones", "use_bias": False}
                x = layers.DepthwiseConv2D(1, **one, name=name)(x)
            else:
                x = layers.Conv2D(5, 1, activation="relu", name=name)(x)
        x = layers.GlobalAveragePooling2D()(x)
        graphs.append(trace_model(keras.Model(inputs, layers.Dense(2, name="head")(x))))
    weights = {name: graphs[0].layers[name].weights for name in ("made", "read", "head")}
    graphs[1] = with_weights(graphs[1], weights)
    images = rng.normal(size=(4, 4, 4, 3)).astype("float32")

    def found(graph: LayerGraph) -> np.ndarray:
        loss = lambda _, outputs: ops.sum(outputs, 1)  # noqa: E731
        return slopes(graph, images, _ones, loss, batch=4).by_mean

    own = widths(graphs[0]).made["made"]
    assert np.array_equal(own, widths(graphs[1]).made["made"])
    assert (found(graphs[0])[:, own] != 0).any()
    np.testing.assert_allclose(found(graphs[1]), found(graphs[0]), rtol=1e-4, atol=1e-6)


def test_only_the_loss_has_slopes() -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    x = layers.Dense(4, activity_regularizer=keras.regularizers.L2(9.0), name="made")(inputs)
    graph = trace_model(keras.Model(inputs, layers.Dense(2)(x)))
    rows = np.ones((2, 3), "float32")
    found = slopes(graph, rows, _ones, lambda _, out: 0 * ops.sum(out, 1), batch=2)
    assert (found.by_factor == 0).all()


def test_heads_slopes_are_those_without_the_layers_own_constraint() -> None:
    found = []
    for constraint in (None, "unit_norm"):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((5, 8))
        attention = layers.MultiHeadAttention(4, 2, kernel_constraint=constraint, name="it")
        graph = trace_model(keras.Model(inputs, layers.Flatten()(attention(inputs, inputs))))
        rows = np.random.default_rng(0).normal(size=(8, 5, 8)).astype("float32")
        loss = lambda _, outputs: ops.sum(ops.square(outputs), 1)  # noqa: E731
        found.append(slopes(graph, rows, _ones, loss, batch=4).of_heads["it"])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("reader", "keeps"),
    [
        (lambda x: layers.Conv1D(5, 3)(x), True),
        (lambda x: layers.Conv1D(5, 3, use_bias=False)(x), False),
        (lambda x: layers.BatchNormalization()(layers.Conv1D(5, 3, use_bias=False)(x)), True),
        (lambda x: layers.Conv1DTranspose(5, 3, activation="relu")(x), True),
        (lambda x: layers.GRU(5, return_sequences=True)(x), False),
    ],
)
def test_the_mean_is_left_out_where_the_reader_makes_up_for_it(
    reader: Callable[[keras.KerasTensor], keras.KerasTensor], keeps: bool
) -> None:
    """A channel that hardly varies is worth little, but its mean is not."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((7, 3))
    x = layers.Conv1D(4, 1, name="made")(inputs)
    graph = trace_model(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(reader(x)))))
    kernel, bias = (weight.copy() for weight in graph.layers["made"].weights)
    kernel[..., 0] *= 1e-3
    bias[0] = 3.0
    graph = with_weights(graph, {"made": (kernel, bias)})
    rows = np.random.default_rng(0).normal(size=(64, 7, 3)).astype("float32")
    loss = lambda _, outputs: ops.sum(outputs, 1)  # noqa: E731
    by_mean = slopes(graph, rows, _ones, loss, batch=32).by_mean
    sizes = np.square(by_mean[:, widths(graph).made["made"]]).mean(axis=0)
    assert (sizes[0] < 0.01 * sizes[1:].max()) == keeps


def test_channels_of_masked_steps_say_nothing() -> None:
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Dense(4, name="before")(layers.Embedding(9, 3, mask_zero=True)(inputs))
    x = layers.LSTM(6, name="recurrent")(x)
    graph = trace_model(keras.Model(inputs, layers.Dense(2)(x)))
    tokens = np.array([[1, 2, 3, 4, 5], [0, 0, 0, 0, 0]])
    found = slopes(graph, tokens, _ones, lambda _, outputs: ops.sum(outputs, 1), batch=2)
    own = widths(graph).made["before"]
    assert found.is_read[own].all()
    assert (found.by_factor[0, own] != 0).all()
    assert (found.by_factor[1] == 0).all()


def _lost_at(request: ChannelRequest, name: str, reader: str) -> np.ndarray:
    """KL of the answers where each channel of a layer is its mean for what reads it."""
    before = _answers(request.graph, request.images)
    model = build_model(request.graph)
    read = keras.Model(model.inputs[0], model.get_layer(reader).input)
    values = ops.convert_to_numpy(read(request.images, training=False))
    kernel, bias = request.graph.layers[reader].weights
    found = []
    for channel in range(values.shape[-1]):
        narrower, shift = kernel.copy(), bias.copy()
        mean = values[..., channel].mean()
        if kernel.ndim == 2:
            shift = shift + mean * narrower[channel]
            narrower[channel] = 0
        else:  # borders apart, where a mean would be padded with zeros
            shift = shift + mean * narrower[:, :, channel].sum(axis=(0, 1))
            narrower[:, :, channel] = 0
        changed = with_named_weights(request.graph, {reader: {"kernel": narrower, "bias": shift}})
        after = _answers(changed, request.images)
        found.append(float((before * (np.log(before) - np.log(after))).sum(axis=1).mean()))
    return np.array(found)


def _answers(graph: LayerGraph, images: np.ndarray) -> np.ndarray:
    outputs = ops.convert_to_numpy(build_model(graph)(images, training=False))
    return np.clip(outputs.astype(np.float64), 1e-7, 1.0)
