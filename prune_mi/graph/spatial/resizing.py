"""Other sizes of an image: everything behind it is described anew, and what must fit is adapted.

Where rows and columns become fewer or more, the shapes behind them follow, up to a global pooling.
Joins whose inputs would no longer have one size get what they need: where images became smaller,
the inputs that stay larger are pooled; where they became larger, the inputs that stay smaller lose
the pooling that they come from. A dense layer that reads a flattened image gets a kernel for its
new size. Where something cannot follow, the whole change is refused with the reason.

Where n values along an axis become m, B (n, m) tells each old value as a mean of new ones: with r =
ceil(n / m), old value i is new value i // r (a pooling's own windows), and the other way round
where there are more new values than old. With old images x = B y along every axis, x W = y (B^T W):
the kernel B^T W yields on y what W yields on y spread out. So nothing changes for images that are
constant over each window; where the numbers do not go into each other, windows overlap and that
holds for wholly constant images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from prune_mi.graph.channels.propagation import concatenation_axis
from prune_mi.graph.edit import bypass, fresh_name, read_only, with_resized, without_dead_nodes
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef, TensorSpec
from prune_mi.graph.new_layers import new_pooling
from prune_mi.graph.not_applicable import NotApplicable
from prune_mi.graph.spatial.shape_inference import call_shape
from prune_mi.graph.traits import CONCATENATIONS, JOINS, LOCAL_POOLINGS


def resized(graph: LayerGraph, was: Mapping[TensorRef, Shape]) -> LayerGraph | NotApplicable:
    """Makes everything behind resized images follow.

    Args:
        graph: A graph with channels last in which the images of `was` already have other sizes, and
            whose other tensors are described as they were before.
        was: For each image that an edit has resized, the shape that its readers were made for, the
            batch included.

    Returns:
        The graph with the shapes that follow, poolings more or fewer at joins, and dense kernels
        for other sizes; or why that cannot be.
    """
    walk = _Walk(graph, was)
    start = min(graph.position[ref.node] for ref in was)
    walk.nodes.extend(graph.nodes[: start + 1])
    for node in graph.nodes[start + 1 :]:
        followed = walk.follow(node)
        if isinstance(followed, NotApplicable):
            return followed
        walk.nodes.append(followed)
    outputs = [ref.node for ref in graph.outputs if ref in walk.was]
    if outputs:
        return NotApplicable(f"{outputs[0]!r} yields the model's output")
    return without_dead_nodes(replace(graph, nodes=tuple(walk.nodes), layers=walk.layers))


def without_pooling(graph: LayerGraph, node: Node) -> LayerGraph | NotApplicable:
    """The graph in which a pooling's input stands in for its output, or why that cannot be.

    Args:
        graph: With channels last.
        node: The pooling, which yields other sizes than it reads.
    """
    ref, spec = TensorRef(node.name), graph.spec(node.inputs[0])
    large = replace(node, outputs=(spec,))
    nodes = tuple(large if each.name == node.name else each for each in graph.nodes)
    followed = resized(replace(graph, nodes=nodes), {ref: node.outputs[0].shape})
    if isinstance(followed, NotApplicable):
        return followed
    return bypass(followed, ref, node.inputs[0])


def resampled_kernel(kernel: np.ndarray, old: Shape, new: Shape) -> np.ndarray:
    """A kernel for images of other sizes.

    Args:
        kernel: `(values, units)`, a row for each value of an old image, flattened.
        old: Sizes of the image that it was made for, the batch left out, channels among them, all
            known.
        new: The same of the image that it is to read.

    Returns:
        The kernel `(new values, units)`, of the type of the old one.
    """
    grid = kernel.reshape(*(size or 0 for size in old), -1)
    for axis, (before, after) in enumerate(zip(old, new, strict=True)):
        if before != after:
            spread = _averaging_matrix(before or 0, after or 0)
            grid = np.moveaxis(np.tensordot(spread, grid, axes=(0, axis)), 0, axis)
    return grid.reshape(-1, kernel.shape[-1]).astype(kernel.dtype)


class _Walk:
    """What is known on the way from the resized images to the outputs.

    Attributes:
        nodes, layers: Of the new graph, as far as the walk has come.
        was: The old shapes of tensors that have others now.
    """

    def __init__(self, graph: LayerGraph, was: Mapping[TensorRef, Shape]) -> None:
        self._graph = graph
        self.nodes: list[Node] = []
        self.layers = dict(graph.layers)
        self.was = dict(was)
        self._now = {ref: graph.spec(ref).shape for ref in was}
        self._flat: dict[TensorRef, tuple[Shape, Shape]] = {}  # images before flattening

    def follow(self, node: Node) -> Node | NotApplicable:
        """The call as it is behind what has been resized, its layer with it."""
        if not any(ref in self.was for ref in node.inputs):
            return node
        layer = self._graph.layer_of(node)
        if layer.class_name in JOINS | CONCATENATIONS and len(node.inputs) > 1:
            joined = self._joined(node)
            if isinstance(joined, NotApplicable):
                return joined
            fed, shapes = joined
        else:
            fed, shapes = node, [self._shape(ref) for ref in node.inputs]
        first = node.inputs[0]
        if layer.class_name == "Dense" and first in self._flat:
            dense = self._dense(layer, *self._flat[first])
            if isinstance(dense, NotApplicable):
                return dense
            self.layers[layer.name] = dense
            return node
        shape = call_shape(self._graph, node, shapes)
        if isinstance(shape, NotApplicable):
            return shape
        own, old = TensorRef(node.name), node.outputs[0].shape
        if layer.class_name in LOCAL_POOLINGS and shape == shapes[0] and old != self._before(first):
            return NotApplicable(f"{node.name!r} would have nothing left to pool")
        self.layers[layer.name] = with_resized(self.layers[layer.name])
        if shape == old:
            return fed
        if layer.class_name == "Flatten" and len(shapes[0]) > 2:
            if layer.config.get("data_format") == "channels_first" or None in shapes[0][1:]:
                return NotApplicable(
                    f"{node.name!r} flattens it in an order or a size not understood"
                )
            self._flat[own] = self._before(first)[1:], shapes[0][1:]
        elif first in self._flat:
            self._flat[own] = self._flat[first]
        self.was[own], self._now[own] = old, shape
        return replace(fed, outputs=(TensorSpec(shape, node.outputs[0].dtype),))

    def _shape(self, ref: TensorRef) -> Shape:
        return self._now[ref] if ref in self._now else self._graph.spec(ref).shape

    def _before(self, ref: TensorRef) -> Shape:
        return self.was[ref] if ref in self.was else self._graph.spec(ref).shape

    def _joined(self, node: Node) -> tuple[Node, list[Shape]] | NotApplicable:
        """A join whose inputs have one size again, and their shapes."""
        old = [self._before(ref) for ref in node.inputs]
        new = [self._shape(ref) for ref in node.inputs]
        reason = self._no_images(node, new)
        if reason is not None:
            return NotApplicable(f"{node.name!r} joins it {reason}")
        wanted, shrinks = _joint_sizes(old, new)
        change: dict[TensorRef, TensorRef] = {}
        for ref, shape in zip(node.inputs, wanted, strict=True):
            if shape != self._shape(ref) and ref not in change:
                fitted = self._pooled(ref, shape) if shrinks else self._unpooled(ref, shape)
                if fitted is None:
                    return NotApplicable(
                        f"{node.name!r} joins it with {ref.node!r}, of another size"
                    )
                change[ref] = fitted
        return node.with_inputs(lambda ref: change.get(ref, ref)), wanted

    def _no_images(self, node: Node, shapes: Sequence[Shape]) -> str | None:
        """Why a join is not one of images side by side."""
        rank = len(node.outputs[0].shape)
        if any(ref in self._flat for ref in node.inputs):
            return "with other tensors, flattened"
        if any(len(shape) != rank for shape in shapes):
            return "with a tensor of another rank"
        if any(None in shape[1:] for shape in shapes):
            return "with a tensor of unknown size"
        stacks = self._graph.layer_of(node).class_name in CONCATENATIONS
        if stacks and concatenation_axis(self._graph, node) != rank - 1:
            return "along another axis than its channels"
        return None

    def _pooled(self, ref: TensorRef, shape: Shape) -> TensorRef | None:
        """The tensor brought to fewer rows and columns, where a pooling does that."""
        pairs = list(zip(self._shape(ref)[1:-1], shape[1:-1], strict=True))
        strides = tuple(-(-(have or 1) // (want or 1)) for have, want in pairs)
        dtype = self._graph.spec(ref).dtype
        sizes = [
            -(-(have or 1) // stride) for (have, _), stride in zip(pairs, strides, strict=True)
        ]
        if sizes != [want for _, want in pairs] or dtype != "float32":
            return None
        name = fresh_name(replace(self._graph, layers=self.layers), "inserted_pool")
        self.layers[name] = new_pooling(name, strides)
        self.nodes.append(Node(name, name, (ref,), {}, (TensorSpec(shape, dtype),)))
        return TensorRef(name)

    def _unpooled(self, ref: TensorRef, shape: Shape) -> TensorRef | None:
        """What the tensor was pooled from, where that has the size wanted."""
        node = self._graph.node_by_name[ref.node]
        layer = self._graph.layer_of(node)
        if layer.class_name not in LOCAL_POOLINGS or layer.name in self._graph.protected:
            return None
        return node.inputs[0] if self._shape(node.inputs[0]) == shape else None

    def _dense(self, layer: LayerDef, old: Shape, new: Shape) -> LayerDef | NotApplicable:
        """A dense layer for flattened images of another size."""
        graph, name = self._graph, layer.name
        if graph.calls_of(name) > 1:
            return NotApplicable(f"{name!r}, which reads it flattened, is called more than once")
        if name in graph.frozen:
            return NotApplicable(f"{name!r}, which reads it flattened, is frozen")
        if name in graph.protected and name not in graph.kept:  # which ends may be fed otherwise
            return NotApplicable(f"{name!r}, which reads it flattened, is protected")
        kernel, *rest = layer.weights
        weights = (read_only(resampled_kernel(kernel, old, new)), *rest)
        return with_resized(layer, weights)


def _joint_sizes(old: Sequence[Shape], new: Sequence[Shape]) -> tuple[list[Shape], bool]:
    """The shapes that the inputs of a join must have, and whether they are the smallest or largest.

    A tensor that was spread over an axis of others stays as it is along it.
    """
    known = [[size or 1 for size in shape] for shape in new]
    past = [[size or 1 for size in shape] for shape in old]
    shrinks = all(
        a <= b
        for now, then in zip(known, past, strict=True)
        for a, b in zip(now, then, strict=True)
    )
    wanted = [list(shape) for shape in new]
    for axis in range(1, len(new[0]) - 1):
        widest = max(shape[axis] for shape in past)
        meeting = [place for place, shape in enumerate(past) if shape[axis] == widest]
        sizes = [known[place][axis] for place in meeting]
        for place in meeting:
            wanted[place][axis] = min(sizes) if shrinks else max(sizes)
    return [tuple(shape) for shape in wanted], shrinks


def _averaging_matrix(old: int, new: int) -> np.ndarray:
    """B: every old value as a mean of new ones, float64 `(old, new)`; rows sum to 1."""
    windows = _window_overlaps(new, old).T if old < new else _window_overlaps(old, new)
    return np.asarray(windows / windows.sum(axis=1, keepdims=True))


def _window_overlaps(many: int, few: int) -> np.ndarray:
    """How much of each of many values lies in each of few windows, `(many, few)`."""
    size = -(-many // few)
    if -(-many // size) == few:
        return np.eye(few)[np.arange(many) // size]
    ends = np.arange(1, many + 1)[:, None] / many, np.arange(1, few + 1)[None] / few
    starts = ends[0] - 1 / many, ends[1] - 1 / few
    overlap = np.minimum(*ends) - np.maximum(*starts)
    return np.where(overlap > 1e-9, overlap, 0.0)
