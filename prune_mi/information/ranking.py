"""Ranking: the units whose removal loses the least information about the class.

The `bypass` estimator asks the network itself, see `information.bypass`.

For the others the gain of a unit is I(after; Y) - I(before; Y): what the tensor behind it says
about the class beyond what the tensor that would stand in for it says. For a residual branch that
is the sum against the shortcut. Both are taken where their readers see them, behind an activation
that alone reads them, so that a rectified tensor is compared with a rectified one. A tensor inside
a branch says little of the class by itself, whatever it adds to the sum, so a unit inside a branch
is credited with the whole branch's gain: no part of it can add more.

Of units with equal gains the one that saves most multiply-accumulates goes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prune_mi.config import RankingSettings
from prune_mi.data import InputScaling
from prune_mi.graph.ir import LayerGraph, TensorRef
from prune_mi.graph.traits import ACTIVATIONS
from prune_mi.graph.unit import Unit
from prune_mi.information.bypass import bypass_losses
from prune_mi.information.estimators import make_estimator
from prune_mi.information.features import layer_features


@dataclass(frozen=True, slots=True)
class RankedUnit:
    """A unit with its information gain.

    Attributes:
        gain_bits: What the unit adds to the information about the class; may be negative.
        gain_spread: Standard error of the gain: over images for `bypass`, over clusterings with
            other seeds for the other estimators.
    """

    unit: Unit
    gain_bits: float
    gain_spread: float


def rank_units(
    graph: LayerGraph,
    units: Sequence[Unit],
    images: np.ndarray,
    labels: np.ndarray,
    scaling: InputScaling,
    settings: RankingSettings,
    *,
    num_classes: int,
    from_logits: bool,
    seed: int,
) -> tuple[RankedUnit, ...]:
    """Ranks units, the one that adds the least information first.

    Args:
        graph: The network.
        units: Units of the graph.
        images: Raw pixels `(n, ...)`, stratified by class.
        labels: int `(n,)`.
        scaling: The model's input scaling.
        settings: Which estimator, and its sizes.
        num_classes: Number of classes, the first columns of the network's output.
        from_logits: Whether the network yields logits.
        seed: Of everything drawn; the same for all units.
    """
    if not units:
        return ()
    if settings.estimator == "bypass":
        losses = bypass_losses(
            graph,
            units,
            images,
            labels,
            scaling,
            from_logits=from_logits,
            seed=seed,
            num_classes=num_classes,
        )
        gains = losses.mean(axis=1)
        spreads = losses.std(axis=1) / np.sqrt(losses.shape[1])
    else:
        samples = _clustered_gains(
            graph, units, images, labels, scaling, settings, num_classes=num_classes, seed=seed
        )
        gains, spreads = samples.mean(axis=1), samples.std(axis=1)
    ranked = [
        RankedUnit(unit, float(gain), float(spread))
        for unit, gain, spread in zip(units, gains, spreads, strict=True)
    ]
    return tuple(sorted(ranked, key=lambda each: (each.gain_bits, -each.unit.macs)))


def _clustered_gains(
    graph: LayerGraph,
    units: Sequence[Unit],
    images: np.ndarray,
    labels: np.ndarray,
    scaling: InputScaling,
    settings: RankingSettings,
    *,
    num_classes: int,
    seed: int,
) -> np.ndarray:
    """Gains from features at the ends of units, `(num_units, num_seeds)`."""
    branches = [unit for unit in units if unit.kind == "branch"]
    ends = []
    for unit in units:
        whole = _enclosing(unit, branches)
        ends.append((_seen(graph, whole.before), _seen(graph, whole.after)))
    tensors = list(dict.fromkeys(ref for pair in ends for ref in pair))
    estimator = make_estimator(settings, num_classes=num_classes)
    features = layer_features(graph, tensors, images, scaling, reduction=estimator.reduction)
    bits = {
        ref: np.array(
            [
                estimator.estimate(features[ref], labels, seed=seed + repeat)
                for repeat in range(settings.num_seeds)
            ]
        )
        for ref in tensors
    }
    return np.stack([bits[after] - bits[before] for before, after in ends])


def _enclosing(unit: Unit, branches: Sequence[Unit]) -> Unit:
    """The smallest branch that a unit lies inside, or the unit itself."""
    inside = set(unit.nodes)
    around = [each for each in branches if each is not unit and inside < set(each.nodes)]
    return min(around, key=lambda each: len(each.nodes), default=unit)


def _seen(graph: LayerGraph, ref: TensorRef) -> TensorRef:
    """The tensor behind an activation that alone reads `ref`, else `ref` itself."""
    readers = graph.consumers.get(ref, ())
    if len(readers) == 1 and graph.layer_of(readers[0]).class_name in ACTIVATIONS:
        return TensorRef(readers[0].name)
    return ref
