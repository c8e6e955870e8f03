"""What a classifier takes and gives, and which output is judged."""

from collections.abc import Callable

import keras
import pytest
from keras import layers
from zoo import ZOO
from zoo_ends import MANY_ENDED, ONE_UNIT

from prune_mi.data import ModelInput
from prune_mi.errors import ConfigError, ModelError
from prune_mi.keras_io.upgrade.layers import hard_sigmoid
from prune_mi.preparation.interface import judged_output, read_interface

pytestmark = pytest.mark.slow


def test_the_only_output_need_not_be_named() -> None:
    model = ZOO["residual"]()
    interface = read_interface(model, None)
    assert interface == read_interface(model, "classes")
    assert (interface.outputs, interface.others, interface.num_classes) == (("classes",), (), 3)
    assert [each.shape for each in interface.inputs] == [(8, 8, 2)]


def test_a_named_output_is_judged() -> None:
    interface = read_interface(MANY_ENDED["by_name"](), "which")
    assert interface.outputs[interface.judged] == "which"
    assert interface.others == ("map",)
    assert interface.num_classes == 4
    assert set(interface.inputs) == {ModelInput(name, (6, 6, 2)) for name in ("left", "right")}


def test_outputs_of_one_name_have_their_place_behind_it() -> None:
    names = read_interface(MANY_ENDED["half_precision"](), "classes:2").outputs
    assert names[1:] == ("classes:1", "classes:2")


def test_an_unknown_output_lists_those_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"'age', but the model has no such output.*one of 'colour' \(2\), 'kind'"
    ):
        read_interface(MANY_ENDED["two_heads"](), "age")
    with pytest.raises(
        ConfigError, match=r"'age', but the model has no such output.*one of 'classes' \(3\)"
    ):
        read_interface(ZOO["residual"](), "age")


def test_one_of_several_outputs_must_be_named() -> None:
    with pytest.raises(
        ConfigError, match=r"2 outputs: 'map' \(6, 6, 4\), 'which' \(4\); name the one .*--output"
    ):
        read_interface(MANY_ENDED["by_name"](), None)


def test_images_without_a_channel_axis_are_accepted() -> None:
    inputs = keras.Input((8, 8))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(inputs)))
    interface = read_interface(model, None)
    assert (interface.inputs[0].shape, interface.num_classes) == ((8, 8), 2)


def _no_graph() -> keras.Model:
    return keras.Sequential([layers.Dense(2)])


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("one_sigmoid", "sigmoid"),
        ("one_flat_logit", "logit"),
        ("one_squeezed_operation", "sigmoid"),
        ("one_tanh", "tanh"),
        ("unit_and_map", "sigmoid"),
    ],
)
def test_one_unit_tells_two_classes_apart(name: str, unit: str) -> None:
    output = "yes" if name == "unit_and_map" else None
    interface = read_interface(ONE_UNIT[name](), output)
    assert (interface.num_classes, interface.unit) == (2, unit)


def test_hard_sigmoid_of_keras_2_is_a_sigmoid_as_it_is_upgraded() -> None:
    inputs = keras.Input((4,))
    scaled, cut = hard_sigmoid("cut", "scaled", "float32")
    model = keras.Model(inputs, cut(scaled(keras.layers.Dense(1)(inputs))))
    assert read_interface(model, None).unit == "sigmoid"


def test_several_units_have_no_reading() -> None:
    assert read_interface(ZOO["residual"](), None).unit is None


def test_an_output_of_any_kind_has_its_place() -> None:
    assert judged_output(MANY_ENDED["by_name"](), "map") == 0


def _unit(activation: str) -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, layers.Dense(1, activation)(layers.Flatten()(inputs)))


@pytest.mark.parametrize("activation", ["relu", "softmax"])
def test_a_unit_that_no_classifier_ends_in_has_no_reading(activation: str) -> None:
    interface = read_interface(_unit(activation), None)
    assert (interface.shape, interface.unit) == ((1,), None)
    assert interface.ends_in == {activation}


def test_an_answer_for_each_pixel_is_judged_where_it_is_the_only_output() -> None:
    inputs = keras.Input((None, 8, 1))
    model = keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax", name="mask")(inputs))
    interface = read_interface(model, None)
    assert (interface.shape, interface.num_classes) == ((None, 8, 2), 2)


def _five_axes() -> keras.Model:
    inputs = keras.Input((8, 8, 8, 1))
    return keras.Model(inputs, layers.Conv3D(2, 1, activation="softmax", name="voxels")(inputs))


def _steps() -> keras.Model:
    inputs = keras.Input((8, 2))
    return keras.Model(inputs, layers.Dense(3, "softmax", name="tags")(inputs))


def _scalar() -> keras.Model:
    inputs = keras.Input(())
    return keras.Model(inputs, layers.Dense(2)(layers.Reshape((1,))(inputs)))


@pytest.mark.parametrize(
    ("build", "fragment"),
    [
        (_no_graph, "without a graph"),
        (_steps, r"'tags' has the shape \(None, 8, 3\): an answer for each step of a sequence"),
        (_five_axes, r"'voxels' has the shape \(None, 8, 8, 8, 2\); expected \(batch, columns\)"),
        (_scalar, "at least one axis after the batch axis"),
    ],
)
def test_what_cannot_be_judged(build: Callable[[], keras.Model], fragment: str) -> None:
    with pytest.raises(ModelError, match=fragment):
        read_interface(build(), None)


def test_maps_are_not_judged_beside_other_outputs() -> None:
    with pytest.raises(ModelError, match=r"'map' has the shape .*4\), an .* expected such an"):
        read_interface(MANY_ENDED["by_name"](), "map")
