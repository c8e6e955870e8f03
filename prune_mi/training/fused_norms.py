"""Batch norms in training as one operation, where the backend has one.

Keras composes a batch norm of several operations, each a pass over all values. TensorFlow also
has one operation for it, with one for its gradients. In small networks batch norms take a large
part of a training step. (One thread with AVX-512, images a second, Keras's operations and this
one: ResNet-8 narrowed to 0.63 of its MACs 880 and 1,090, ResNet-56 99 and 133, the networks of
`tests/benchmarks/networks.py` 496 and 708, 466 and 754.)
"""

from dataclasses import replace
from typing import Any

import keras

from prune_mi.graph.ir import LayerDef, LayerGraph
from prune_mi.keras_io.model_graph.build import build_model

_NAME = "FusedBatchNormalization"
_REGISTERED = f"prune_mi>{_NAME}"
_RANK, _LAST = 4, (-1, 3)  # images, channels last


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Equal to its base up to rounding, and to be used with TensorFlow and images alone."""

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if not training or not self.trainable or mask is not None:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        channels = inputs.shape[-1]
        scale = self.gamma.value if self.scale else tf.ones(channels)
        offset = self.beta.value if self.center else tf.zeros(channels)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, scale, offset, epsilon=self.epsilon, is_training=True
        )
        # It yields the estimated variance of the population; Keras goes by that of the batch.
        count = tf.cast(tf.size(inputs) / channels, variance.dtype)
        variance *= (count - 1) / count
        for statistic, found in ((self.moving_mean, mean), (self.moving_variance, variance)):
            statistic.assign(statistic * self.momentum + found * (1 - self.momentum))
        return outputs


def build_for_training(graph: LayerGraph) -> keras.Model:
    """A model as `build_model` makes it, with the backend's own operation for batch norms."""
    if keras.backend.backend() == "tensorflow":
        graph = _with_fused_norms(graph)
    with keras.saving.CustomObjectScope({_REGISTERED: FusedBatchNormalization}):
        return build_model(graph)


def _with_fused_norms(graph: LayerGraph) -> LayerGraph:
    layers = dict(graph.layers)
    for name, layer in graph.layers.items():
        if layer.class_name == "BatchNormalization" and _can_be_fused(graph, layer):
            serialized = {
                **layer.serialized,
                "module": __name__,
                "class_name": _NAME,
                "registered_name": _REGISTERED,
            }
            layers[name] = replace(layer, serialized=serialized)
    return replace(graph, layers=layers)


def _can_be_fused(graph: LayerGraph, layer: LayerDef) -> bool:
    """Whether all that a batch norm reads are float32 images, channels last."""
    config = layer.config
    if config["axis"] not in _LAST or config.get("renorm") or config.get("synchronized"):
        return False
    calls = [node for node in graph.nodes if node.layer == layer.name]
    specs = [spec for node in calls for spec in (graph.spec(node.inputs[0]), node.outputs[0])]
    return all(len(each.shape) == _RANK and each.dtype == "float32" for each in specs)
