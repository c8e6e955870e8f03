"""Layer graphs made by hand, without Keras: a builder, and the shapes that graphs come in."""

from collections.abc import Callable

import numpy as np

from prune_mi.graph.edit import read_only, validate_graph
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, TensorRef, TensorSpec


class GraphBuilder:
    """Adds one call after another; names are counted by stem unless given.

    Args:
        shape: Of one input image.
        seed: Of all weights.
        prefix: Goes before every name.
    """

    def __init__(
        self, shape: tuple[int, ...] = (8, 8, 2), *, seed: int = 0, prefix: str = ""
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._prefix = prefix
        self._counts: dict[str, int] = {}
        self.layers: dict[str, LayerDef] = {}
        self.nodes: list[Node] = []
        self.input = self._add(
            "InputLayer", "input", (), (None, *shape), batch_shape=[None, *shape]
        )

    def shape(self, ref: TensorRef) -> Shape:
        node = next(node for node in self.nodes if node.name == ref.node)
        return node.outputs[ref.index].shape

    def layer(
        self,
        class_name: str,
        stem: str,
        *,
        weights: dict[str, tuple[int, ...]] | None = None,
        **config: object,
    ) -> str:
        """Makes a layer without calling it; returns its name."""
        self._counts[stem] = self._counts.get(stem, 0) + 1
        name = f"{self._prefix}{stem}_{self._counts[stem]}"
        shapes = weights or {}
        self.layers[name] = LayerDef(
            name=name,
            class_name=class_name,
            serialized={
                "module": "keras.layers",
                "class_name": class_name,
                "config": {"name": name, **config},
                "registered_name": None,
            },
            weights=tuple(
                read_only(self._rng.standard_normal(shape).astype(np.float32))
                for shape in shapes.values()
            ),
            weight_names=tuple(shapes),
        )
        return name

    def call(self, layer: str, args: tuple[object, ...], shape: Shape) -> TensorRef:
        """Calls a layer, the second time under the name `layer:1`, and so on."""
        calls = sum(node.layer == layer for node in self.nodes)
        name = layer if calls == 0 else f"{layer}:{calls}"
        self.nodes.append(Node(name, layer, args, {}, (TensorSpec(shape, "float32"),)))
        return TensorRef(name)

    def conv(
        self,
        x: TensorRef,
        filters: int,
        size: int = 3,
        *,
        strides: int = 1,
        activation: str = "linear",
    ) -> TensorRef:
        _, height, width, channels = self.shape(x)
        return self._add(
            "Conv2D",
            "conv",
            (x,),
            (None, -(-int(height or 0) // strides), -(-int(width or 0) // strides), filters),
            weights={"kernel": (size, size, int(channels or 0), filters), "bias": (filters,)},
            filters=filters,
            kernel_size=[size, size],
            strides=[strides, strides],
            padding="same",
            activation=activation,
            data_format="channels_last",
        )

    def depthwise(self, x: TensorRef) -> TensorRef:
        channels = int(self.shape(x)[-1] or 0)
        return self._add(
            "DepthwiseConv2D",
            "depthwise",
            (x,),
            self.shape(x),
            weights={"kernel": (3, 3, channels, 1)},
            kernel_size=[3, 3],
            padding="same",
        )

    def norm(self, x: TensorRef) -> TensorRef:
        width = (int(self.shape(x)[-1] or 0),)
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        weights = dict.fromkeys(names, width)
        return self._add("BatchNormalization", "bn", (x,), self.shape(x), weights=weights)

    def relu(self, x: TensorRef) -> TensorRef:
        return self._add("ReLU", "relu", (x,), self.shape(x))

    def dropout(self, x: TensorRef) -> TensorRef:
        return self._add("Dropout", "dropout", (x,), self.shape(x), rate=0.5)

    def pool(self, x: TensorRef) -> TensorRef:
        shape = (None, self.shape(x)[-1])
        return self._add("GlobalAveragePooling2D", "pool", (x,), shape)

    def max_pool(self, x: TensorRef, size: int = 2) -> TensorRef:
        """Max pooling over windows side by side."""
        batch, *sizes, channels = self.shape(x)
        shape = (batch, *(-(-int(each or 0) // size) for each in sizes), channels)
        pool_size = [size] * len(sizes)
        return self._add(
            "MaxPooling2D", "max_pool", (x,), shape, pool_size=pool_size, padding="same"
        )

    def squeeze(self, x: TensorRef) -> TensorRef:
        """Pooling that keeps the image's axes."""
        shape = (None, 1, 1, self.shape(x)[-1])
        return self._add("GlobalAveragePooling2D", "squeeze", (x,), shape, keepdims=True)

    def dense(self, x: TensorRef, units: int = 3) -> TensorRef:
        *front, width = self.shape(x)
        weights = {"kernel": (int(width or 0), units), "bias": (units,)}
        return self._add("Dense", "dense", (x,), (*front, units), weights=weights, units=units)

    def add(self, *inputs: TensorRef) -> TensorRef:
        shapes = [self.shape(ref) for ref in inputs]
        widest = tuple(
            max(axis or 0 for axis in axes) or None for axes in zip(*shapes, strict=True)
        )
        return self._add("Add", "add", (list(inputs),), widest)

    def concat(self, *inputs: TensorRef) -> TensorRef:
        width = sum(int(self.shape(ref)[-1] or 0) for ref in inputs)
        shape = (*self.shape(inputs[0])[:-1], width)
        return self._add("Concatenate", "concat", (list(inputs),), shape, axis=-1)

    def multiply(self, x: TensorRef, gate: TensorRef) -> TensorRef:
        return self._add("Multiply", "multiply", ([x, gate],), self.shape(x))

    def flatten(self, x: TensorRef) -> TensorRef:
        size = int(np.prod([int(axis or 0) for axis in self.shape(x)[1:]]))
        return self._add("Flatten", "flatten", (x,), (None, size))

    def conv_block(self, x: TensorRef, filters: int, *, strides: int = 1) -> TensorRef:
        """Conv, batch norm, ReLU."""
        return self.relu(self.norm(self.conv(x, filters, strides=strides)))

    def head(self, x: TensorRef) -> TensorRef:
        """Pooling and a dense layer."""
        return self.dense(self.pool(x))

    def graph(self, *outputs: TensorRef) -> LayerGraph:
        return validate_graph(
            LayerGraph("net", dict(self.layers), tuple(self.nodes), (self.input,), outputs)
        )

    def _add(
        self,
        class_name: str,
        stem: str,
        args: tuple[object, ...],
        shape: Shape,
        *,
        weights: dict[str, tuple[int, ...]] | None = None,
        **config: object,
    ) -> TensorRef:
        return self.call(self.layer(class_name, stem, weights=weights, **config), args, shape)


def chain(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """Conv-BN-ReLU twice, pooling, dense."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.conv_block(net.conv_block(net.input, 4), 4)
    return net.graph(net.head(x))


def identity_residual(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """A residual block around an identity shortcut."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.relu(net.conv(net.input, 4))
    y = net.norm(net.conv(net.conv_block(x, 4), 4))
    return net.graph(net.head(net.relu(net.add(x, y))))


def projected_residual(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """A residual block that halves the image, with a convolution as its shortcut."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.relu(net.conv(net.input, 4))
    y = net.norm(net.conv(net.conv_block(x, 6, strides=2), 6))
    return net.graph(net.head(net.relu(net.add(net.conv(x, 6, 1, strides=2), y))))


def bottleneck(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """Convolutions that only together come back to the shape before them."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.relu(net.conv(net.input, 4))
    x = net.conv(net.relu(net.conv(net.relu(net.conv(x, 3, 1)), 3)), 4, 1)
    return net.graph(net.head(net.dropout(x)))


def concatenated(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """Parallel branches that are concatenated."""
    net = GraphBuilder((8, 8, 4), seed=seed, prefix=prefix)
    x = net.concat(net.depthwise(net.input), net.conv(net.input, 5), net.input)
    return net.graph(net.head(x))


def shared_layer(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """One convolution called twice."""
    net = GraphBuilder((8, 8, 4), seed=seed, prefix=prefix)
    conv = net.layer(
        "Conv2D",
        "shared",
        weights={"kernel": (3, 3, 4, 4), "bias": (4,)},
        filters=4,
        kernel_size=[3, 3],
        padding="same",
    )
    x = net.relu(net.call(conv, (net.input,), (None, 8, 8, 4)))
    return net.graph(net.head(net.call(conv, (x,), (None, 8, 8, 4))))


def add_of_three(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """The sum of a tensor and two branches of it."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.relu(net.conv(net.input, 4))
    y = net.relu(net.conv(x, 4))
    return net.graph(net.head(net.add(y, x, net.conv(x, 4, 1))))


def three_branches(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """The sum of three branches."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.relu(net.conv(net.input, 4))
    branches = [net.conv(x, 4, size) for size in (1, 3, 5)]
    return net.graph(net.head(net.add(*branches)))


def broadcast(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """An image plus one value a channel."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.relu(net.conv(net.input, 4))
    small = net.dense(net.squeeze(x), 4)
    return net.graph(net.head(net.add(x, small)))


def multi_output(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """Two classifiers, and a tensor inside that is an output too."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.conv_block(net.input, 4)
    pooled = net.pool(net.conv_block(x, 4))
    return net.graph(x, net.dense(pooled, 2), net.dense(pooled, 5))


def dense_block(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """Two layers of a densely connected block, in its order of norm, ReLU, convolution."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.conv(net.input, 4)
    for _ in range(2):
        x = net.concat(x, net.conv(net.relu(net.norm(x)), 3))
    return net.graph(net.head(net.conv(net.relu(net.norm(x)), 5, 1)))


def inception(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """Parallel branches that a flattening and a depthwise convolution read."""
    net = GraphBuilder((4, 4, 2), seed=seed, prefix=prefix)
    x = net.conv(net.input, 3)
    x = net.concat(net.conv(x, 2, 1), net.conv(net.conv(x, 2, 1), 4), net.conv(x, 3, 5))
    return net.graph(net.dense(net.flatten(net.relu(net.depthwise(x)))))


def squeeze_excite(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """A convolution that one value a channel gates."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.relu(net.conv(net.input, 6))
    gate = net.dense(net.relu(net.dense(net.squeeze(x), 2)), 6)
    return net.graph(net.head(net.multiply(x, gate)))


def mixed_group(*, seed: int = 0, prefix: str = "") -> LayerGraph:
    """A sum with a concatenation, whose channels several layers make; one makes a single one."""
    net = GraphBuilder(seed=seed, prefix=prefix)
    x = net.conv(net.input, 8)
    parts = net.concat(net.conv(x, 4, 3), net.conv(x, 6, 1), net.conv(x, 1, 5))
    return net.graph(net.head(net.add(parts, net.conv(x, 11))))


def residual_tower(num_blocks: int = 6) -> LayerGraph:
    """Residual blocks that all differ in width, so that no two removals give the same net."""
    net = GraphBuilder()
    x = net.relu(net.conv(net.input, 4))
    for width in range(5, 5 + num_blocks):
        x = net.add(x, net.conv(net.relu(net.conv(x, width)), 4))
    return net.graph(net.head(x))


GRAPHS: dict[str, Callable[..., LayerGraph]] = {
    make.__name__: make
    for make in (
        chain,
        identity_residual,
        projected_residual,
        bottleneck,
        concatenated,
        shared_layer,
        add_of_three,
        three_branches,
        broadcast,
        multi_output,
        dense_block,
        inception,
        squeeze_excite,
    )
}


def snapshot(graph: LayerGraph) -> tuple[object, ...]:
    """Everything that an edit must not change in the graph it is given."""
    weights = {
        name: [array.tobytes() for array in layer.weights] for name, layer in graph.layers.items()
    }
    configs = {name: repr(layer.serialized) for name, layer in graph.layers.items()}
    return repr(graph.nodes), configs, weights, graph.inputs, graph.outputs
