"""Tensors that are never negative: behind them a ReLU is the identity."""

from prune_mi.graph.ir import LayerDef, LayerGraph, TensorRef
from prune_mi.graph.traits import CONCATENATIONS, DROPOUTS, NARROWABLE, POOLINGS

# Joins and changes of form that yield no negative value from values that are not negative.
_HANDS_ON = frozenset(
    {
        *POOLINGS,
        *DROPOUTS - {"AlphaDropout", "GaussianDropout"},
        *CONCATENATIONS,
        *(f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for rank in "123"),
        *("Flatten", "Reshape", "Permute", "Add", "Multiply", "Maximum", "Minimum"),
    }
)


def is_nonnegative(graph: LayerGraph, ref: TensorRef) -> bool:
    """Whether a tensor holds no negative value, whatever the model is fed.

    Followed upwards, through pooling, flattening, dropout and joins, until a ReLU says so. Other
    tensors that are never negative, such as a softmax's, are not found.
    """
    waiting, seen = [ref], {ref}
    while waiting:
        node = graph.node_by_name[waiting.pop().node]
        layer = graph.layer_of(node)
        if _rectifies(layer):
            continue
        plain = layer.config.get("interpolation", "nearest") == "nearest"  # cubic ones overshoot
        if layer.class_name not in _HANDS_ON or not plain or not _reads_tensors_alone(node.args):
            return False
        waiting += [read for read in node.inputs if read not in seen]
        seen.update(node.inputs)
    return True


def _rectifies(layer: LayerDef) -> bool:
    """Whether a ReLU, bounded or not, is the last that a layer does."""
    if layer.class_name == "ReLU":
        return not layer.config.get("negative_slope")
    fused = layer.class_name in NARROWABLE | {"Activation"}
    named = fused and layer.config.get("activation") in ("relu", "relu6")
    return named or layer.class_name in ("Relu", "Relu6")


def _reads_tensors_alone(args: object) -> bool:
    """Whether a call adds no constant of its own, which may be negative."""
    if isinstance(args, list | tuple):
        return all(_reads_tensors_alone(each) for each in args)
    return isinstance(args, TensorRef)
