"""What later children inherit: by name and shape, from one ancestor, kernels with their norms."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from graph_builder import GraphBuilder, chain, concatenated, shared_layer, snapshot
from hypothesis import given
from hypothesis import strategies as st

from prune_mi.costs.objective import named_objective
from prune_mi.graph.edit import insert_after, with_weights
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.morphisms.catalog import morph
from prune_mi.morphisms.mixes import resolve_mix
from prune_mi.morphisms.morphism import MorphContext, SiteScore
from prune_mi.search.candidate import Proposed, Trained
from prune_mi.search.weight_bank import WeightBank, taken_over
from tests.candidates import proposed, trained


def _candidate(name: str, graph: LayerGraph, parent: str = "reference") -> Proposed:
    return proposed(name, graph, parent=parent)


def _trained(candidate: Proposed, quality: float, *, fill: float) -> Trained:
    """The candidate with every weight at `fill`, in arrays of its own as training leaves them."""
    weights = {
        name: tuple(np.full_like(array, fill) for array in layer.weights)
        for name, layer in candidate.graph.layers.items()
        if layer.weights
    }
    graph = with_weights(candidate.graph, weights)
    return trained(candidate.name, quality, graph, parent=candidate.parent)


def _without(graph: LayerGraph, unit: str) -> LayerGraph:
    return remove_unit(graph, next(each for each in removable_units(graph) if each.name == unit))


def _fills(graph: LayerGraph) -> Mapping[str, float]:
    """The layers all of whose weights are one number, and which."""
    values = {
        name: np.unique(np.concatenate([array.ravel() for array in layer.weights]))
        for name, layer in graph.layers.items()
        if layer.weights
    }
    return {name: float(each[0]) for name, each in values.items() if len(each) == 1}


def _raise(bank: WeightBank, name: str, parent: Proposed, quality: float, fill: float) -> None:
    """Has a child with the parent's structure trained and remembered."""
    child = _candidate(name, parent.graph, parent.name)
    graph, _ = bank.inherit(child, parent)
    bank.remember(_trained(replace(child, graph=graph), quality, fill=fill))


REFERENCE = _candidate("reference", chain())
WEIGHTED = ("conv_1", "bn_1", "conv_2", "bn_2", "dense_1")


def test_an_empty_bank_leaves_a_child_as_it_is() -> None:
    child = _candidate("g1c1", _without(REFERENCE.graph, "conv_2"))
    graph, names = WeightBank().inherit(child, REFERENCE)
    assert graph is child.graph
    assert names == ()


def test_a_sibling_inherits_what_both_took_over() -> None:
    bank = WeightBank()
    _raise(bank, "g1c1", REFERENCE, 0.8, fill=7.0)
    child = _candidate("g2c1", _without(REFERENCE.graph, "conv_2"))
    before = snapshot(child.graph)
    graph, names = bank.inherit(child, REFERENCE)
    assert names == ("conv_1", "bn_1", "dense_1")
    assert _fills(graph) == dict.fromkeys(names, 7.0)
    assert snapshot(child.graph) == before
    assert graph.nodes == child.graph.nodes


def test_a_child_that_forgets_its_weights_shares_none_with_its_relatives() -> None:
    bank = WeightBank()
    first = _candidate("g1c1", _without(REFERENCE.graph, "conv_2"))
    bank.begin_anew(first, REFERENCE)
    anew = _trained(first, 0.9, fill=7.0)
    bank.remember(anew)
    sibling = _candidate("g2c1", _without(REFERENCE.graph, "conv_2"))
    assert bank.inherit(sibling, REFERENCE) == (sibling.graph, ())
    # Its own children are of its family, those of others are not.
    child = _candidate("g2c2", anew.graph, "g1c1")
    bank.inherit(child, anew)
    bank.remember(_trained(child, 0.95, fill=9.0))
    graph, names = bank.inherit(_candidate("g3c1", anew.graph, "g1c1"), anew)
    assert set(_fills(graph).values()) == {9.0} and names
    assert bank.inherit(_candidate("g3c2", REFERENCE.graph), REFERENCE)[1] == ()


def test_a_siblings_child_inherits_through_both_generations() -> None:
    """g1c1 and g1c2 are siblings; g2c1 is a child of g1c2 and takes the weights of g1c1."""
    bank = WeightBank()
    first = _candidate("g1c1", _without(REFERENCE.graph, "conv_2"))
    second = _candidate("g1c2", insert_after(REFERENCE.graph, TensorRef("relu_1"), (_norm(),)))
    for each in (first, second):
        bank.inherit(each, REFERENCE)
    bank.remember(_trained(first, 0.9, fill=7.0))
    elite = _trained(second, 0.8, fill=8.0)
    graph, names = bank.inherit(_candidate("g2c1", elite.graph, "g1c2"), elite)
    assert names == ("conv_1", "bn_1", "dense_1")
    kept = dict.fromkeys(("conv_2", "bn_2", "inserted_bn_1"), 8.0)
    assert _fills(graph) == dict.fromkeys(names, 7.0) | kept


def _norm(name: str = "inserted_bn_1") -> LayerDef:
    return replace(
        REFERENCE.graph.layers["bn_1"],
        name=name,
        serialized={**REFERENCE.graph.layers["bn_1"].serialized, "config": {"name": name}},
    )


def test_one_name_at_two_places_is_two_layers() -> None:
    """Two siblings insert `inserted_bn_1`, each somewhere else."""
    bank = WeightBank()
    graphs = [
        insert_after(REFERENCE.graph, TensorRef(place), (_norm(),))
        for place in ("relu_1", "relu_2")
    ]
    first, second = (
        _candidate(f"g1c{place}", graph) for place, graph in enumerate(graphs, start=1)
    )
    for each in (first, second):
        bank.inherit(each, REFERENCE)
    bank.remember(_trained(first, 0.9, fill=7.0))
    elite = _trained(second, 0.8, fill=8.0)
    graph, names = bank.inherit(_candidate("g2c1", elite.graph, "g1c2"), elite)
    assert set(names) == set(WEIGHTED)
    assert _fills(graph)["inserted_bn_1"] == 8.0


def test_kernels_sliced_alike_are_not_the_same() -> None:
    """Each sibling lost other columns of the dense kernel, whose shape is the same in both."""
    net = GraphBuilder()
    parts = [net.conv(net.input, 4), net.conv(net.input, 4), net.conv(net.input, 4)]
    reference = _candidate("reference", net.graph(net.head(net.concat(*parts))))
    bank = WeightBank()
    first, second = (
        _candidate(f"g1c{part}", _without(reference.graph, f"concat_1/part_{part}"))
        for part in (1, 2)
    )
    for each in (first, second):
        bank.inherit(each, reference)
    assert first.graph.layers["dense_1"].num_params == second.graph.layers["dense_1"].num_params
    bank.remember(_trained(first, 0.9, fill=7.0))
    elite = _trained(second, 0.8, fill=8.0)
    _, names = bank.inherit(_candidate("g2c1", elite.graph, "g1c2"), elite)
    shared = first.graph.layers.keys() & second.graph.layers.keys()
    assert set(names) == {name for name in shared if name.startswith("conv")}


def test_a_norm_and_its_kernel_inherit_from_one_network_or_not_at_all() -> None:
    """The kernel was trained best without its norm: neither inherits."""
    bank = WeightBank()
    _raise(bank, "g1c1", REFERENCE, 0.8, fill=7.0)
    slim = _candidate("g1c2", _without(REFERENCE.graph, "bn_1"))
    bank.inherit(slim, REFERENCE)
    bank.remember(_trained(slim, 0.9, fill=8.0))
    graph, names = bank.inherit(_candidate("g2c1", REFERENCE.graph), REFERENCE)
    assert names == ("conv_2", "bn_2", "dense_1")
    assert set(_fills(graph).values()) == {8.0}
    _, alone = bank.inherit(_candidate("g2c2", slim.graph), REFERENCE)
    assert alone == ("conv_1", "conv_2", "bn_2", "dense_1")


def test_the_best_is_kept() -> None:
    bank = WeightBank()
    _raise(bank, "g1c1", REFERENCE, 0.9, fill=7.0)
    _raise(bank, "g1c2", REFERENCE, 0.8, fill=8.0)
    graph, _ = bank.inherit(_candidate("g2c1", REFERENCE.graph), REFERENCE)
    assert _fills(graph) == dict.fromkeys(WEIGHTED, 7.0)


def test_of_equally_accurate_ones_the_latest() -> None:
    bank = WeightBank()
    for name, fill in (("g1c1", 7.0), ("g1c2", 8.0)):
        _raise(bank, name, REFERENCE, 0.9, fill=fill)
    graph, _ = bank.inherit(_candidate("g2c1", REFERENCE.graph), REFERENCE)
    assert set(_fills(graph).values()) == {8.0}


def test_frozen_layers_neither_give_nor_take() -> None:
    bank = WeightBank()
    frozen = replace(REFERENCE.graph, frozen=frozenset({"dense_1"}))
    _raise(bank, "g1c1", _candidate("reference", frozen), 0.8, fill=7.0)
    assert "dense_1" not in bank.inherit(_candidate("g2c1", REFERENCE.graph), REFERENCE)[1]
    _raise(bank, "g1c2", REFERENCE, 0.9, fill=8.0)
    child = _candidate("g2c2", frozen)
    assert "dense_1" not in bank.inherit(child, replace(REFERENCE, graph=frozen))[1]


def test_own_weights_are_not_called_inherited() -> None:
    bank = WeightBank()
    bank.inherit(_candidate("g1c1", REFERENCE.graph), REFERENCE)
    elite = _trained(_candidate("g1c1", REFERENCE.graph), 0.8, fill=7.0)
    bank.remember(elite)
    graph, names = bank.inherit(_candidate("g2c1", elite.graph, "g1c1"), elite)
    assert names == ()
    assert graph is elite.graph


def test_a_shared_layer_inherits_once() -> None:
    reference = _candidate("reference", shared_layer())
    bank = WeightBank()
    _raise(bank, "g1c1", reference, 0.8, fill=7.0)
    graph, names = bank.inherit(_candidate("g2c1", reference.graph), reference)
    assert names == ("shared_1", "dense_1")
    assert set(_fills(graph).values()) == {7.0}


def test_the_bank_holds_references_and_no_more_than_it_may() -> None:
    whole = _trained(REFERENCE, 0.8, fill=7.0)
    size = sum(array.nbytes for each in whole.graph.layers.values() for array in each.weights)
    bank = WeightBank()
    bank.remember(whole)
    assert bank.size_bytes == size
    other = _trained(_candidate("another", concatenated()), 0.8, fill=8.0)
    bank.remember(other)
    most = bank.size_bytes - 1
    small = WeightBank(max_bytes=most)
    small.remember(whole)
    small.remember(other)
    assert small.size_bytes <= most
    assert WeightBank(max_bytes=0).size_bytes == 0
    child = _candidate("g1c1", REFERENCE.graph)
    assert small.inherit(child, REFERENCE)[1] == ("conv_2", "bn_2", "dense_1")  # conv_1 went first


@given(seeds=st.tuples(st.integers(0, 2**16), st.integers(0, 2**16)), num_morphs=st.integers(1, 5))
def test_whatever_morphs_are_drawn_only_what_was_taken_over_changes(
    seeds: tuple[int, int], num_morphs: int
) -> None:
    bank = WeightBank()
    units = [SiteScore(each.name, 0.0, 0.0) for each in removable_units(REFERENCE.graph)]
    made = []
    for place, seed in enumerate(seeds, start=1):
        graph, _ = morph(
            REFERENCE.graph,
            num_morphs=num_morphs,
            mix=resolve_mix("uniform"),
            context=MorphContext(units, named_objective("macs")),
            rng=np.random.default_rng(seed),
        )
        made.append(_candidate(f"g1c{place}", graph))
    donor, child = made
    bank.inherit(donor, REFERENCE)
    bank.remember(_trained(donor, 0.8, fill=7.0))
    graph, names = bank.inherit(child, REFERENCE)
    assert set(names) <= taken_over(child.graph, REFERENCE.graph) & taken_over(
        donor.graph, REFERENCE.graph
    )
    for name, layer in child.graph.layers.items():
        if name not in names:
            assert graph.layers[name] is layer
    assert {name for name in _fills(graph) if name in names} == set(names)
