"""MLPerf Tiny's ResNet-8 in torch, with the weights and the answers of the Keras model.

What differs between the two, and is minded here: `same` padding with stride 2 on even sizes pads
below and on the right alone; the batch norms' epsilon is 1e-3; Keras's momentum 0.99 is torch's
0.01; both 1x1 shortcuts have stride 2 and no batch norm. Raw pixels go in, logits come out.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

CONVOLUTIONS = ("conv2d", *(f"conv2d_{number}" for number in range(1, 9)))
# Of each convolution: channels in and out, the kernel's side, the stride.
_SHAPES = (
    (3, 16, 3, 1), (16, 16, 3, 1), (16, 16, 3, 1),
    (16, 32, 3, 2), (32, 32, 3, 1), (16, 32, 1, 2),
    (32, 64, 3, 2), (64, 64, 3, 1), (32, 64, 1, 2),
)  # fmt: skip
_NORMS = (16, 16, 16, 32, 32, 64, 64)
_TOLERANCE = 1e-4
_BATCH = 500


class ResNet8(nn.Module):
    """The network; its layers are named as in the Keras model."""

    def __init__(self) -> None:
        super().__init__()
        for name, (read, made, side, stride) in zip(CONVOLUTIONS, _SHAPES, strict=True):
            padding = 1 if side == 3 and stride == 1 else 0
            self.add_module(name, nn.Conv2d(read, made, side, stride, padding))
        for number, width in enumerate(_NORMS):
            name = f"batch_normalization_{number}" if number else "batch_normalization"
            self.add_module(name, nn.BatchNorm2d(width, eps=1e-3, momentum=0.01))
        self.dense = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(batch, 10)` of raw pixels `(batch, 3, 32, 32)`."""
        relu = functional.relu
        x = relu(self.batch_normalization(self.conv2d(images)))
        y = relu(self.batch_normalization_1(self.conv2d_1(x)))
        x = relu(x + self.batch_normalization_2(self.conv2d_2(y)))
        y = relu(self.batch_normalization_3(self.conv2d_3(_padded(x))))
        x = relu(self.conv2d_5(x) + self.batch_normalization_4(self.conv2d_4(y)))
        y = relu(self.batch_normalization_5(self.conv2d_6(_padded(x))))
        x = relu(self.conv2d_8(x) + self.batch_normalization_6(self.conv2d_7(y)))
        return self.dense(functional.avg_pool2d(x, 8).flatten(1))


def ported(exported: Mapping[str, np.ndarray], statistics: str) -> ResNet8:
    """The network with the exported weights.

    Args:
        exported: What `export.py` writes.
        statistics: `given`, or `recalibrated`.
    """
    model = ResNet8()
    with torch.no_grad():
        for name, layer in model.named_children():
            weights = {
                key.rsplit("/", 1)[1]: torch.from_numpy(exported[key])
                for key in exported
                if key.startswith(f"{statistics}/{name}/")
            }
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.copy_(weights["gamma"])
                layer.bias.copy_(weights["beta"])
                layer.running_mean.copy_(weights["moving_mean"])
                layer.running_var.copy_(weights["moving_variance"])
            else:
                axes = (3, 2, 0, 1) if isinstance(layer, nn.Conv2d) else (1, 0)
                layer.weight.copy_(weights["kernel"].permute(axes))
                layer.bias.copy_(weights["bias"])
    return model.eval().to(memory_format=torch.channels_last)


def require_equal(
    model: ResNet8, exported: Mapping[str, np.ndarray], statistics: str, images: np.ndarray
) -> float:
    """Compares the answers to all test images, and the costs, with those of the Keras model.

    Returns:
        The largest difference of a probability.

    Raises:
        SystemExit: If a probability differs by more than 1e-4, or a cost at all.
    """
    answers = torch.softmax(logits(model, images), dim=1).numpy()
    difference = float(np.abs(answers - exported[f"{statistics}/answers"]).max())
    if not difference <= _TOLERANCE:
        raise SystemExit(f"torch's probabilities differ by {difference}; at most {_TOLERANCE}")
    counted, expected = costs(model), (int(exported["macs"]), int(exported["params"]))
    if counted != expected:
        raise SystemExit(f"counted {counted} MACs and parameters in torch; Keras has {expected}")
    return difference


def costs(model: nn.Module) -> tuple[int, int]:
    """MACs and parameters as prune-mi counts them.

    MACs are those of the kernels of convolutions and dense layers; parameters are all weights, the
    moving statistics of batch norms among them.
    """
    counts = []

    def count(layer: nn.Module, _: object, made: Tensor) -> None:
        places = made.shape[2:].numel() if made.ndim == 4 else 1
        counts.append(layer.weight.numel() * places)

    layers = [each for each in model.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    training = model.training
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, 32, 32))
    model.train(training)
    for handle in handles:
        handle.remove()
    params = sum(weight.numel() for weight in model.parameters())
    params += sum(
        layer.running_mean.numel() + layer.running_var.numel()
        for layer in model.modules()
        if isinstance(layer, nn.BatchNorm2d)
    )
    return sum(counts), params


def channels(model: nn.Module) -> str:
    """Output channels of the convolutions in their order."""
    return " ".join(str(model.get_submodule(name).out_channels) for name in CONVOLUTIONS)


def as_input(images: np.ndarray) -> Tensor:
    """Raw pixels `(batch, 32, 32, 3)` as torch has them; their order in memory stays."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()


def logits(model: nn.Module, images: np.ndarray) -> Tensor:
    """Logits of raw pixels `(num, 32, 32, 3)`, in inference."""
    model.eval()
    with torch.no_grad():
        starts = range(0, len(images), _BATCH)
        return torch.cat([model(as_input(images[start : start + _BATCH])) for start in starts])


def _padded(values: Tensor) -> Tensor:
    return functional.pad(values, (0, 1, 0, 1))
