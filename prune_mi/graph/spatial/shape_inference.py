"""The shape that one call yields, from the shapes that it reads.

Along an axis of n values, a window of k values at a dilation d spans d (k - 1) + 1 = w of them. At
a stride s it finds

    'same' and 'causal' padding: ceil(n / s)      'valid': floor((n - w) / s) + 1

places; a transposed convolution makes n s of n, and of 'valid' padding max(w - s, 0) more. The
formulas are those of Keras (`keras.src.ops.operation_utils`), and the tests hold them against it.
"""

from collections.abc import Mapping, Sequence

from prune_mi.graph.channels.propagation import concatenation_axis, propagation
from prune_mi.graph.ir import LayerDef, LayerGraph, Node, Shape, num_values
from prune_mi.graph.not_applicable import NotApplicable, show_sizes
from prune_mi.graph.traits import (
    ACTIVATIONS,
    AUGMENTATIONS,
    CONCATENATIONS,
    DEPTHWISE,
    JOINS,
    NARROWABLE,
    NORMALIZATIONS,
    POOLINGS,
    RESIZINGS,
    channel_axis,
    is_elementwise,
)


def call_shape(graph: LayerGraph, node: Node, shapes: Sequence[Shape]) -> Shape | NotApplicable:
    """What a call would yield, were it fed other sizes.

    Args:
        graph: The graph of the call.
        node: A call with inputs.
        shapes: Of the tensors that it reads, in the order of `node.inputs`, the batch included;
            ranks, and channels, are those that it reads now. None is an unknown size.

    Returns:
        The shape, the batch included; or why there is none, or none that is known.
    """
    layer = graph.layer_of(node)
    kind, shape = layer.class_name, shapes[0]
    if len(node.outputs) != 1:
        return NotApplicable(f"{node.name!r} yields {len(node.outputs)} tensors")
    if kind in CONCATENATIONS:
        return _concatenated(node, shapes, concatenation_axis(graph, node))
    if (kind in JOINS and (len(shapes) > 1 or kind != "Average")) or is_elementwise(layer):
        way = propagation(graph, node, len(shape) - 1)
        if isinstance(way, NotApplicable):
            return NotApplicable(f"{node.name!r} {way.reason}")
        return _broadcast(node, shapes)
    if len(set(node.inputs)) > 1:
        return NotApplicable(f"{node.name!r}, a {kind}, reads several tensors")
    if kind in ACTIVATIONS | NORMALIZATIONS:
        return _with_own_weights(layer, shape)
    if kind in AUGMENTATIONS - {"RandomCrop"}:
        return shape
    if kind == "Dense":
        return _multiplied(layer, shape)
    if kind in NARROWABLE:
        return _convolved(layer, shape)
    if kind in POOLINGS and not kind.startswith("Adaptive"):
        return _pooled(layer, shape)
    if kind in ("Resizing", "CenterCrop"):
        return node.outputs[0].shape
    if kind in RESIZINGS:
        return _padded(layer, shape)
    if kind == "Flatten":
        return (shape[0], num_values(shape))
    return NotApplicable(f"it is not known what {node.name!r}, a {kind}, makes of other sizes")


def _spatial_axes(layer: LayerDef, rank: int) -> range:
    """The axes of rows and columns, or steps, that a layer of images works on."""
    return range(2, rank) if channel_axis(layer, rank) == 1 else range(1, rank - 1)


def _convolved(layer: LayerDef, shape: Shape) -> Shape | NotApplicable:
    config, axes = layer.config, _spatial_axes(layer, len(shape))
    channels = channel_axis(layer, len(shape))
    kernel = _each(config["kernel_size"], len(axes))
    dilation = _each(config.get("dilation_rate", 1), len(axes))
    strides = _each(config.get("strides", 1), len(axes))
    spans = [rate * (size - 1) + 1 for rate, size in zip(dilation, kernel, strict=True)]
    padding = config.get("padding", "valid")
    if layer.class_name.endswith("Transpose"):
        if config.get("output_padding") is not None:
            return NotApplicable(f"{layer.name!r} pads its output")
        sizes: dict[int, int | None] = {channels: int(config["filters"])}
        for axis, span, stride in zip(axes, spans, strides, strict=True):
            more = max(span - stride, 0) if padding == "valid" else 0
            size = shape[axis]
            sizes[axis] = None if size is None else size * stride + more
        return _with_sizes(shape, sizes)
    found = _windows(layer, shape, spans, strides, padding)
    if isinstance(found, NotApplicable):
        return found
    width = shape[channels]
    if layer.class_name not in DEPTHWISE:
        width = int(config["filters"])
    elif width is not None:
        width *= int(config.get("depth_multiplier", 1))
    return _with_sizes(found, {channels: width})


def _pooled(layer: LayerDef, shape: Shape) -> Shape | NotApplicable:
    config, axes = layer.config, _spatial_axes(layer, len(shape))
    if layer.class_name.startswith("Global"):
        if config.get("keepdims"):
            return _with_sizes(shape, dict.fromkeys(axes, 1))
        return (shape[0], shape[channel_axis(layer, len(shape))])
    window = _each(config["pool_size"], len(axes))
    strides = _each(config.get("strides") or window, len(axes))
    return _windows(layer, shape, window, strides, config.get("padding", "valid"))


def _windows(
    layer: LayerDef, shape: Shape, spans: Sequence[int], strides: Sequence[int], padding: str
) -> Shape | NotApplicable:
    sizes: dict[int, int | None] = {}
    axes = _spatial_axes(layer, len(shape))
    for axis, span, stride in zip(axes, spans, strides, strict=True):
        size = shape[axis]
        if size is not None:
            size = -(-size // stride) if padding != "valid" else (size - span) // stride + 1
            if size < 1:
                return NotApplicable(f"{layer.name!r} needs at least {span} values along an axis")
        sizes[axis] = size
    return _with_sizes(shape, sizes)


def _padded(layer: LayerDef, shape: Shape) -> Shape | NotApplicable:
    """Zero padding, cropping and repeating."""
    axes = _spatial_axes(layer, len(shape))
    kind, config = layer.class_name, layer.config
    sizes: dict[int, int | None] = {}
    if kind.startswith("UpSampling"):
        for axis, times in zip(axes, _each(config["size"], len(axes)), strict=True):
            size = shape[axis]
            sizes[axis] = None if size is None else size * times
        return _with_sizes(shape, sizes)
    edges = config["padding" if kind.startswith("ZeroPadding") else "cropping"]
    sign = 1 if kind.startswith("ZeroPadding") else -1
    for axis, edge in zip(axes, [edges] if len(axes) == 1 else edges, strict=True):
        size = shape[axis]
        if size is not None:
            size += sign * sum(_each(edge, 2))
            if size < 1:
                return NotApplicable(f"{layer.name!r} would leave nothing along an axis")
        sizes[axis] = size
    return _with_sizes(shape, sizes)


def _with_own_weights(layer: LayerDef, shape: Shape) -> Shape | NotApplicable:
    """Normalisations and activations: their weights must fit the axes that they are for."""
    if not layer.weights:
        return shape
    if layer.class_name == "PReLU":
        shared = layer.config.get("shared_axes") or []
        expected = [1 if axis in shared else shape[axis] for axis in range(1, len(shape))]
    else:
        axes = layer.config.get("axis", -1)
        each = [axes] if isinstance(axes, int) else list(axes or [])
        expected = [shape[axis] for axis in each]
    held = layer.weights[0].shape
    if tuple(expected) != held:
        return NotApplicable(f"{layer.name!r} has weights for {show_sizes(held)} values")
    return shape


def _multiplied(layer: LayerDef, shape: Shape) -> Shape | NotApplicable:
    rows, units = layer.weights[0].shape
    if shape[-1] != rows:
        return NotApplicable(f"{layer.name!r} has a kernel for {rows} values")
    return (*shape[:-1], units)


def _concatenated(node: Node, shapes: Sequence[Shape], axis: int) -> Shape | NotApplicable:
    ranks = {len(shape) for shape in shapes}
    others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if len(ranks) > 1 or len(others) > 1:
        return NotApplicable(f"{node.name!r} joins tensors of other sizes")
    parts = [shape[axis] for shape in shapes]
    total = None if None in parts else sum(part or 0 for part in parts)
    return _with_sizes(shapes[0], {axis: total})


def _broadcast(node: Node, shapes: Sequence[Shape]) -> Shape | NotApplicable:
    """Axes of size 1 are spread over those of other tensors."""
    if len({len(shape) for shape in shapes}) > 1:
        return NotApplicable(f"{node.name!r} joins tensors of other ranks")
    joined: list[int | None] = []
    for sizes in zip(*shapes, strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            return NotApplicable(f"{node.name!r} joins tensors of other sizes")
        joined.append(wide.pop() if wide else 1)
    return tuple(joined)


def _each(sizes: int | Sequence[int], count: int) -> list[int]:
    """A setting for every axis."""
    return [sizes] * count if isinstance(sizes, int) else [int(size) for size in sizes]


def _with_sizes(shape: Shape, sizes: Mapping[int, int | None]) -> Shape:
    return tuple(sizes.get(axis, size) for axis, size in enumerate(shape))
