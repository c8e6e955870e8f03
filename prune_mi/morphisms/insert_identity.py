"""Insertions that leave the network's function as it is.

Conv + BN + ReLU behind a ReLU: with a Dirac kernel K[c, i, i] = 1 at the centre c, 'same' padding
and stride 1, conv(x) = x; a batch norm with mean 0, variance 1 - epsilon, gamma 1 and beta 0 is the
identity in inference; and relu(x) = x for x >= 0. In training mode batch norm uses the batch's own
statistics, so it is the identity only where gamma and beta are those statistics; recalibration
behind the insertion refits its moving ones. Batch norm alone and dropout follow the same way.

Source: Elsken, Metzen, Hutter (2017), Simple and Efficient Architecture Search (NASH).
"""

from typing import Any

import numpy as np

from prune_mi.graph.edit import fresh_name, insert_after, read_only
from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.place import place_of
from prune_mi.graph.removal import is_rectified
from prune_mi.morphisms.morphism import MorphContext, Morphed, NoSite
from prune_mi.morphisms.site import draw_site, has_channels_last, inner_tensors
from prune_mi.records import MorphRecord

_EPSILON = 1e-3
_MAX_DROPOUT = 0.5


class InsertConv:
    """Puts conv + BN + ReLU behind a ReLU on a channels-last image tensor."""

    name = "insert-conv"

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = [
            ref for ref in inner_tensors(graph, rank=4)
            if is_rectified(graph, ref) and has_channels_last(graph)
        ]  # fmt: skip
        if not sites:
            return NoSite("no rectified channels-last image tensor to stay non-negative behind")
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        size = int(rng.choice([3, 5]))
        channels = int(graph.spec(ref).shape[-1] or 0)
        kernel = np.zeros((size, size, channels, channels), np.float32)
        kernel[size // 2, size // 2] = np.eye(channels, dtype=np.float32)
        conv = LayerDef(
            name=fresh_name(graph, "inserted_conv"),
            class_name="Conv2D",
            serialized=_keras_layer(
                "Conv2D",
                name=fresh_name(graph, "inserted_conv"),
                filters=channels,
                kernel_size=[size, size],
                padding="same",
                use_bias=False,
                data_format="channels_last",
            ),
            weights=(read_only(kernel),),
            weight_names=("kernel",),
        )
        norm = _batch_norm(graph, channels)
        name = fresh_name(graph, "inserted_relu")
        relu = LayerDef(name, "ReLU", _keras_layer("ReLU", name=name))
        return _insert(graph, ref, (conv, norm, relu), self.name, f"{size}x{size} identity")


class InsertBatchNorm:
    """Puts a batch norm behind any tensor with channels last."""

    name = "insert-batch-norm"

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = [ref for ref in inner_tensors(graph, rank=None) if has_channels_last(graph)]
        if not sites:
            return NoSite("no channels-last tensor inside the graph")
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        norm = _batch_norm(graph, int(graph.spec(ref).shape[-1] or 0))
        return _insert(graph, ref, (norm,), self.name, "identity in inference")


class InsertDropout:
    """Puts a dropout of random rate, 0 to 0.5, behind any tensor."""

    name = "insert-dropout"

    def apply(
        self, graph: LayerGraph, context: MorphContext, rng: np.random.Generator
    ) -> Morphed | NoSite:
        """See `Morphism`."""
        sites = inner_tensors(graph, rank=None)
        if not sites:
            return NoSite("no tensor inside the graph")
        ref = draw_site(graph, sites, context, rng, kind=self.name, tensor=lambda each: each)
        rate = round(float(rng.uniform(0, _MAX_DROPOUT)), 3)
        name = fresh_name(graph, "inserted_dropout")
        layer = LayerDef(name, "Dropout", _keras_layer("Dropout", name=name, rate=rate))
        return _insert(graph, ref, (layer,), self.name, f"rate {rate}")


def _insert(
    graph: LayerGraph, ref: TensorRef, layers: tuple[LayerDef, ...], kind: str, reason: str
) -> Morphed:
    names = tuple(layer.name for layer in layers)
    record = MorphRecord(kind, ref.node, names, reason, place_of(graph, ref))
    return Morphed(insert_after(graph, ref, layers), record)


def _batch_norm(graph: LayerGraph, channels: int) -> LayerDef:
    name = fresh_name(graph, "inserted_bn")
    ones = np.ones(channels, np.float32)
    zeros = np.zeros(channels, np.float32)
    variance = np.full(channels, 1.0 - _EPSILON, np.float32)
    return LayerDef(
        name=name,
        class_name="BatchNormalization",
        serialized=_keras_layer("BatchNormalization", name=name, epsilon=_EPSILON),
        weights=tuple(read_only(array) for array in (ones, zeros, zeros, variance)),
        weight_names=("gamma", "beta", "moving_mean", "moving_variance"),
    )


def _keras_layer(class_name: str, **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }
