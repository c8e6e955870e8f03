"""New layers called one behind the other."""

from dataclasses import dataclass

from prune_mi.graph.end_layers import float_spec
from prune_mi.graph.ir import LayerDef, Node, Shape, TensorRef


@dataclass(frozen=True, slots=True)
class Chain:
    """Calls of new float32 layers, one behind the other.

    Attributes:
        layers: What is called, in order.
        calls: Their calls.
        tensor: What the last of them yields; the start where there are none.
        shape: Of that tensor.
    """

    layers: tuple[LayerDef, ...]
    calls: tuple[Node, ...]
    tensor: TensorRef
    shape: Shape

    def then(self, layer: LayerDef, shape: Shape, *, before: tuple[TensorRef, ...] = ()) -> "Chain":
        """The chain with one more call; of a join, `before` are the tensors it reads first."""
        args = ([*before, self.tensor],) if before else (self.tensor,)
        call = Node(layer.name, layer.name, args, {}, (float_spec(*shape[1:]),))
        return Chain(
            (*self.layers, layer), (*self.calls, call), TensorRef(layer.name), call.outputs[0].shape
        )
