"""What layers and operations do with channels, by class name.

Layers of Keras and the operations of `keras.ops` share these names: `Add` is both the layer that
reads a list and the node that `a + b` leaves.
"""

from collections.abc import Mapping

from prune_mi.graph.ir import LayerDef

NOISES = frozenset(
    {
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"),
        *("GaussianNoise", "GaussianDropout", "StochasticDepth", "ActivityRegularization"),
    }
)
DROPOUTS = frozenset(name for name in NOISES if "Dropout" in name or name == "StochasticDepth")
AUGMENTATIONS = frozenset(
    {
        *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomBrightness"),
        *("RandomContrast", "RandomCrop", "RandomErasing", "RandomHue", "RandomSaturation"),
    }
)
ACTIVATIONS = frozenset(
    {
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Relu", "Relu6", "Silu"),
        *("Gelu", "Elu", "Selu", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSilu", "HardSwish"),
        *("Tanh", "Softplus", "SoftSign", "Softsign", "Celu", "HardTanh", "LogSigmoid", "Mish"),
    }
)
ELEMENTWISE = frozenset(
    {
        *ACTIVATIONS - {"PReLU", "Softmax"},
        *NOISES,
        *("Abs", "Absolute", "Negative", "Exp", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Power"),
        *("Reciprocal", "Clip", "Round", "Cast", "Identity", "Rescaling", "StopGradient"),
    }
)
POOLINGS = frozenset(
    f"{kind}Pooling{rank}D"
    for kind in ("Max", "Average", "GlobalMax", "GlobalAverage", "AdaptiveMax", "AdaptiveAverage")
    for rank in (1, 2, 3)
)
LOCAL_POOLINGS = frozenset(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in "123")
RECURRENT = frozenset(
    {*("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"), *(f"ConvLSTM{n}D" for n in (1, 2, 3))}
)
RESIZINGS = frozenset(
    {
        *(f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for rank in "123"),
        "Resizing",
        "CenterCrop",
    }
)
SUMS = frozenset({"Add", "Subtract"})
PRODUCTS = frozenset({"Multiply", "Divide", "TrueDivide"})
JOINS = frozenset({*SUMS, *PRODUCTS, "Average", "Maximum", "Minimum"})
CONCATENATIONS = frozenset({"Concatenate"})
DEPTHWISE = frozenset({"DepthwiseConv1D", "DepthwiseConv2D"})
NARROWABLE = frozenset(
    {
        "Dense",
        *(f"Conv{rank}D" for rank in (1, 2, 3)),
        *(f"Conv{rank}DTranspose" for rank in (1, 2, 3)),
        *(f"SeparableConv{rank}D" for rank in (1, 2)),
        *DEPTHWISE,
    }
)
KERNEL_WEIGHTS = frozenset({"kernel", "bias", "depthwise_kernel", "pointwise_kernel"})
NORMALIZATIONS = frozenset(
    {
        *("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"),
        *("UnitNormalization", "Normalization"),
    }
)


# Activation functions by name: each value by itself.
_FUNCTIONS = frozenset(
    {
        *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish"),
        *("sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "tanh", "hard_tanh", "softplus"),
        *("softsign", "exponential", "mish", "log_sigmoid", "threshold", "hard_shrink"),
        *("soft_shrink", "tanh_shrink", "squareplus", "sparse_plus"),
    }
)


# Those of them, and of the layers, that are 0 where their input is.
_ZERO_AT_ZERO = frozenset(
    {
        *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish"),
        *("hard_silu", "hard_swish", "tanh", "hard_tanh", "softsign", "mish", "hard_shrink"),
        *("soft_shrink", "tanh_shrink"),
    }
)


def is_elementwise(layer: LayerDef) -> bool:
    """Whether every output value comes from the input value at its place alone."""
    if layer.class_name == "Activation":
        return fused_activation_is_elementwise(layer)
    return layer.class_name in ELEMENTWISE


def fused_activation_is_elementwise(layer: LayerDef) -> bool:
    """Whether the `activation` of a layer, where it has one, leaves channels apart."""
    activation = layer.config.get("activation")
    if isinstance(activation, Mapping):
        name, inner = activation.get("class_name"), activation.get("config")
        return name in ELEMENTWISE - {"Activation"} or (name == "function" and inner in _FUNCTIONS)
    return activation is None or activation in _FUNCTIONS


def is_zero_at_zero(layer: LayerDef) -> bool:
    """Whether the `activation` of a layer, where it has one, is known to make 0 of 0."""
    activation = layer.config.get("activation")
    if isinstance(activation, Mapping) and activation.get("class_name") == "function":
        activation = activation.get("config")
    return activation is None or (isinstance(activation, str) and activation in _ZERO_AT_ZERO)


def may_change_size(layer: LayerDef) -> bool:
    """Whether rows and columns, or steps, may become fewer or more."""
    config, kind = layer.config, layer.class_name
    if kind in POOLINGS:
        strides = config.get("strides") or config.get("pool_size") or 1
        return config.get("padding") != "same" or not all_one(strides)
    if kind in RESIZINGS:
        return True
    kernel = config.get("kernel_size") or 1
    shrinks = config.get("padding") == "valid" and not all_one(kernel)
    return shrinks or not all_one(config.get("strides") or 1)


def all_one(sizes: object) -> bool:
    """Whether a setting, one number or one for each axis, is 1."""
    return all(size == 1 for size in (sizes if isinstance(sizes, list | tuple) else [sizes]))


def has_kernel(layer: LayerDef) -> bool:
    """Whether a layer multiplies by a learnt kernel and so mixes channels."""
    return any(name.endswith("kernel") for name in layer.weight_names)


def channel_axis(layer: LayerDef, rank: int) -> int:
    """The axis of channels, counted from 0, that a layer of images works on."""
    return 1 if layer.config.get("data_format") == "channels_first" else rank - 1
