"""Models that are asked the wrong way, and honest ones, told apart."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from prune_mi.config import make_settings
from prune_mi.data import Dataset
from prune_mi.errors import ConfigError, DataError
from prune_mi.preparation.find_profile import profile_of
from prune_mi.preparation.profile import Profile
from prune_mi.records import SilentObserver
from prune_mi.runs.notes import NoteTaker

pytestmark = pytest.mark.slow
_SIDE = 6


def _data(
    num_classes: int, *, names: Sequence[str] = (), num: int = 900, noise: float = 0.0
) -> Dataset:
    """A bright pixel in the place of each class, its neighbours dark red; some labels wrong."""
    rng = np.random.default_rng(1)
    labels = np.arange(num) % num_classes
    images = rng.integers(0, 60, (num, _SIDE, _SIDE, 3)).astype(np.uint8)
    images[np.arange(num), labels // _SIDE, labels % _SIDE] = (240, 120, 60)
    told = np.where(rng.random(num) < noise, rng.integers(num_classes, size=num), labels)
    return Dataset(
        *(images, told, images[:200], told[:200], None, None, tuple(names), "made", ()),
        order_known=False,
    )


def _model(
    num_classes: int, *, sharpness: float = 30.0, weights: Sequence[float] = (1.0, 0.0, 0.0)
) -> keras.Model:
    """Compares the pixels of the classes' places, in 0..1, by their weighed colours."""
    inputs = keras.Input((_SIDE, _SIDE, 3))
    x = layers.Flatten()(layers.Conv2D(1, 1, use_bias=False, name="grey")(inputs))
    x = layers.Dense(num_classes, activation="softmax", name="classes")(x)
    model = keras.Model(inputs, x)
    model.get_layer("grey").set_weights([np.reshape(weights, (1, 1, 3, 1))])
    kernel = sharpness * np.eye(_SIDE**2)[:, :num_classes]
    model.get_layer("classes").set_weights([kernel, np.zeros(num_classes)])
    return model


def _understand(model: keras.Model, data: Dataset, **settings: Any) -> tuple[Profile, list[str]]:
    notes = NoteTaker(SilentObserver())
    asked = {"data": "made", "scaling": "unit", **settings}
    return profile_of(model, data, make_settings(asked), notes), list(notes.said)


def _refusal(model: keras.Model, data: Dataset, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        _understand(model, data, **settings)
    return str(caught.value)


def _relabelled(data: Dataset, places: Sequence[int]) -> Dataset:
    """Class k of the data is what output places[k] sees."""
    old = np.argsort(places)
    return replace(data, y_train=old[data.y_train], y_test=old[data.y_test])


def test_the_order_of_numbered_folders_is_found_and_taken() -> None:
    names = sorted(map(str, range(12)))
    data = _relabelled(_data(12, names=names), [int(name) for name in names])
    understood, notes = _understand(_model(12), data)
    arranged = understood.arranged(data)
    assert arranged.class_names == tuple(map(str, range(12)))
    assert (arranged.y_train == _data(12).y_train).all()
    assert (arranged.y_test == _data(12).y_test).all()
    assert any(
        "Class order found: sorted as numbers (0, 1, 2, 3, 4, ...). With" in n for n in notes
    )


def test_numbered_folders_stay_in_the_order_of_strings_where_that_is_right() -> None:
    data = _data(12, names=sorted(map(str, range(12))))
    understood, notes = _understand(_model(12), data)
    assert understood.arranged(data) is data
    assert not any("order" in note for note in notes)


def test_labels_without_names_may_stand_for_folders_sorted_as_strings() -> None:
    data = _relabelled(_data(12), [sorted(map(str, range(12))).index(str(k)) for k in range(12)])
    understood, _ = _understand(_model(12), data)
    assert understood.arranged(data).class_names == tuple(sorted(map(str, range(12))))


def test_capitals_and_numbers_in_names() -> None:
    names = ("Zoo", "ant", "bee")
    data = _relabelled(_data(3, names=names), [2, 0, 1])
    assert _understand(_model(3), data)[0].arranged(data).class_names == ("ant", "bee", "Zoo")
    names = ("c_1", "c_10", "c_2")
    data = _relabelled(_data(3, names=names), [0, 2, 1])
    assert _understand(_model(3), data)[0].arranged(data).class_names == ("c_1", "c_2", "c_10")


def test_a_known_order_is_not_asked_of_the_model() -> None:
    names = sorted(map(str, range(12)))
    data = _relabelled(_data(12, names=names), [int(name) for name in names])
    assert "class order" in _refusal(_model(12), replace(data, order_known=True))


def test_another_order_stops_the_run_and_is_named() -> None:
    names = ["apple", "bean", "corn", "date", "elder", "fig", "grape", "hazel"]
    places = [2, 1, 0, 3, 4, 6, 7, 5]
    message = _refusal(_model(8), _relabelled(_data(8, names=names), places))
    assert message.startswith("the model is right on 0.3")
    assert "the mean probability of its answers is " in message.splitlines()[0]
    first = message.splitlines()[2]
    assert first.startswith("  1. class order: the labels look to be in another order: output 0 is")
    assert "most often class 'corn', output 2 is most often class 'apple'" in first
    assert "right on 1.000 of 388 training images held back for this check" in first
    assert "pass --classes corn,bean,apple,date,elder,hazel,fig,grape;" in first
    assert "input scaling: right on unit 0.3" in message
    assert "colour order: in blue, green, red right on unit 0.3" in message
    assert message.endswith("To continue with the model as it is, pass --allow-weak-model")


def test_what_was_refused_may_go_on() -> None:
    data = _relabelled(_data(8), [2, 1, 0, 3, 4, 6, 7, 5])
    understood, notes = _understand(_model(8), data, allow_weak_model=True)
    assert understood.arranged(data) is data
    assert any("continues because of --allow-weak-model. Likely causes" in note for note in notes)


@pytest.mark.parametrize("num", [900, 120])
def test_two_swapped_classes_are_named_as_that(num: int) -> None:
    data = _relabelled(_data(2, names=("left", "right"), num=num), [1, 0])
    message = _refusal(_model(2), data, scaling="auto")
    assert "the model is not clearly better than chance with any input scaling" in message
    assert "the two classes look swapped: output 0 is most often class 'right'" in message
    assert "pass --classes right,left;" in message


def test_names_with_commas_are_told_to_go_into_a_file() -> None:
    data = _relabelled(_data(2, names=("left, upper", "right")), [1, 0])
    assert "Pass the right order with --classes" in _refusal(_model(2), data)


def test_another_scaling_than_the_one_asked_for_is_named() -> None:
    raw = _model(8, sharpness=0.2)
    kernel, _ = raw.get_layer("classes").get_weights()
    raw.get_layer("classes").set_weights([kernel, np.linspace(0, 5, 8)])
    assert _understand(raw, _data(8), scaling="auto")[0].scaling.kind == "none"
    message = _refusal(raw, _data(8), scaling="unit")
    assert "1. input scaling: with none the model is right on 1.000 of 388 training" in message
    assert "Pass --scaling none, or auto" in message


def test_numbers_of_words_are_tried_as_they_are_alone() -> None:
    inputs = keras.Input((4,))
    x = layers.Embedding(8, 8, name="words")(inputs)
    x = layers.Dense(8, "softmax", name="classes")(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, x)
    model.get_layer("words").set_weights([np.eye(8)])
    model.get_layer("classes").set_weights([30 * np.eye(8), np.zeros(8)])
    labels = np.arange(800) % 8
    rows = np.repeat(labels[:, None], 4, axis=1).astype(np.float32)
    told = np.asarray([2, 1, 0, 3, 4, 6, 7, 5])[labels]
    data = Dataset(rows, told, rows, told, None, None, (), "made", ())
    assert "input scaling: right on none 0." in _refusal(model, data, scaling="none")
    assert "unit 0" not in _refusal(model, data, scaling="none")


def test_colours_in_the_other_order_are_named() -> None:
    data = _data(8)
    rng = np.random.default_rng(0)
    images = data.x_train.copy()
    images[..., 0] = rng.integers(0, 250, images.shape[:3])  # red says nothing
    images[..., 2] = data.x_train[..., 0]
    clouded = replace(data, x_train=images, x_test=images[:200])
    message = _refusal(_model(8), clouded)
    assert "colour order: in blue, green, red right on unit 1.000; with unit on 1.000" in message
    assert "with caffe the model is right on" in message  # which is in that order, too
    assert "OpenCV" in message


def test_an_honest_weak_model_goes_through() -> None:
    data = _data(10, noise=0.55)
    honest = _model(10, sharpness=3.3)
    _, notes = _understand(honest, data)
    assert not any("mean probability" in note for note in notes)


def test_noisy_labels_are_warned_of_alone() -> None:
    understood, notes = _understand(_model(10), _data(10, noise=0.33))
    assert understood.scaling.kind == "unit"
    warned = [note for note in notes if "the mean probability of its answers is" in note]
    assert len(warned) == 1 and "Likely causes" not in warned[0]


def test_an_untrained_model_is_refused_without_a_false_cause() -> None:
    inputs = keras.Input((_SIDE, _SIDE, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(x)))
    message = _refusal(model, _data(10), scaling="auto")
    assert "the model is not clearly better than chance with any input scaling" in message
    assert "look to be in another order" not in message
    assert "1. class order: right on as loaded 0." in message


def test_statistics_of_a_short_training_are_no_fault_of_the_data() -> None:
    data = _data(8)
    base = _model(8)
    x = layers.BatchNormalization(name="norm")(base.get_layer("grey").output)
    x = layers.Dense(8, activation="softmax", name="last")(layers.Flatten()(x))
    model = keras.Model(base.inputs, x)
    kernel, bias = base.get_layer("classes").get_weights()
    model.get_layer("last").set_weights([kernel, np.linspace(0, 30, 8) + bias])
    model.get_layer("norm").set_weights([np.full(1, each) for each in (1.0, 0.0, 0.0, 1e8)])
    understood, notes = _understand(model, data, scaling="auto")
    assert any("batch-norm statistics do not fit its weights" in note for note in notes)
    assert understood.arranged(data) is data


def test_of_scalings_that_do_equally_well_raw_pixels_are_the_unlikeliest() -> None:
    understood, notes = _understand(_model(8), _data(8), scaling="auto")
    assert understood.scaling.kind == "unit"
    assert any("none 1.000, unit 1.000" in note for note in notes)


def test_colour_scalings_are_for_three_colours() -> None:
    inputs = keras.Input((_SIDE, _SIDE, 1))
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.Flatten()(inputs)))
    data = _data(2)
    grey = replace(data, x_train=data.x_train[..., :1], x_test=data.x_test[..., :1])
    with pytest.raises(
        ConfigError, match=r"`scaling` is 'caffe', which is for .*one of none, unit"
    ):
        _understand(model, grey, scaling="caffe")
