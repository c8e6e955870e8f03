"""What a classifier takes and gives, and which output is judged."""

from collections.abc import Callable

import keras
import pytest
from keras import layers
from zoo import ZOO
from zoo_ends import MANY_ENDED

from prune_mi.data import ModelInput
from prune_mi.errors import ConfigError, ModelError
from prune_mi.stages.interface import read_interface

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
        ConfigError, match=r"'age', which is no output.*one of 'colour' \(2\), 'kind'"
    ):
        read_interface(MANY_ENDED["two_heads"](), "age")
    with pytest.raises(ConfigError, match=r"'age', which is no output.*one of 'classes' \(3\)"):
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


def _one_output() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(inputs)))


def _scalar() -> keras.Model:
    inputs = keras.Input(())
    return keras.Model(inputs, layers.Dense(2)(layers.Reshape((1,))(inputs)))


@pytest.mark.parametrize(
    ("build", "fragment"),
    [
        (_no_graph, "without a graph"),
        (_one_output, "at least 2 classes"),
        (_scalar, "at least one axis beside the batch"),
    ],
)
def test_what_is_no_classifier(build: Callable[[], keras.Model], fragment: str) -> None:
    with pytest.raises(ModelError, match=fragment):
        read_interface(build(), None)


def test_an_output_of_another_shape_cannot_be_judged() -> None:
    with pytest.raises(ModelError, match=r"'map' has the shape \(None, 6, 6, 4\); expected a"):
        read_interface(MANY_ENDED["by_name"](), "map")
