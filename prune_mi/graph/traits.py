"""What layers and operations do with channels, by class name.

Layers of Keras and the operations of `keras.ops` share these names: `Add` is both the layer that
reads a list and the node that `a + b` leaves.
"""

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
NORMALIZATIONS = frozenset(
    {
        *("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"),
        *("UnitNormalization", "Normalization"),
    }
)


def is_elementwise(layer: LayerDef) -> bool:
    """Whether every output value comes from the input value at its place alone."""
    if layer.class_name == "Activation":
        return str(layer.config.get("activation")) not in {"softmax", "log_softmax", "sparsemax"}
    return layer.class_name in ELEMENTWISE


def has_kernel(layer: LayerDef) -> bool:
    """Whether a layer multiplies by a learnt kernel and so mixes channels."""
    return any(name.endswith("kernel") for name in layer.weight_names)


def channel_axis(layer: LayerDef, rank: int) -> int:
    """The axis of channels, counted from 0, that a layer of images works on."""
    return 1 if layer.config.get("data_format") == "channels_first" else rank - 1
