"""ResNet-8 made smaller by Torch-Pruning and trained in torch, for comparison with prune-mi.

    python channel_pruning.py exported.npz --data cifar10.npz --rows rows.jsonl

It needs the environment of `requirements.txt`. Channels are ranked by `magnitude`, by `taylor`
(gradients of 512 training images, taken once) or at `random`, over the whole network; a small
share of them goes at a time until the network is under both targets. `unpruned` removes none. The
rest is trained as prune-mi trains: Adam, warm-up and cosine decay, the model's own L2, and
distillation from the original, whose answers to an image and its mirror image are averaged. A
finished row is not computed again.
"""

import argparse
import copy
import math
import time
from collections.abc import Iterator
from pathlib import Path

_BEGAN = time.monotonic()

import numpy as np
import torch
import torch_pruning as tp
from resnet8 import as_input, channels, costs, logits, ported, require_equal
from rows import Asked, Row, add_row, amount, is_finished, print_table
from torch import nn
from torch.nn import functional

METHODS = ("magnitude", "taylor", "random", "unpruned")
_STEPS = 400
_GRADIENT_IMAGES = 512
_BATCH = 64
_WARMUP, _FLOOR, _MOMENTUM = 0.05, 0.01, 0.05
_TEMPERATURE, _WEIGHT = 2.0, 0.7
_SHIFT = 4
_CLEAN_IMAGES, _CLEAN_BATCH = 5000, 500


def pruned(
    model: nn.Module,
    asked: Asked,
    images: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
) -> nn.Module:
    """Removes channels until the network is under both targets.

    Raises:
        SystemExit: If nothing more can go and it is not.
    """
    model = copy.deepcopy(model).eval()
    if asked.method == "unpruned":
        return model
    importance = {
        "magnitude": tp.importance.GroupMagnitudeImportance,
        "taylor": tp.importance.GroupTaylorImportance,
        "random": tp.importance.RandomImportance,
    }[asked.method]()
    torch.manual_seed(asked.seed)  # RandomImportance knows no other generator
    if asked.method == "taylor":
        rows = rng.choice(len(images), _GRADIENT_IMAGES, replace=False)
        answers = model(as_input(images[rows]))
        functional.cross_entropy(answers, torch.from_numpy(labels[rows])).backward()
    pruner = tp.pruner.BasePruner(
        model,
        torch.zeros(1, 3, 32, 32),
        importance=importance,
        global_pruning=True,
        pruning_ratio=1.0,
        max_pruning_ratio=0.95,
        iterative_steps=_STEPS,
        ignored_layers=[model.dense],
    )
    for _ in range(_STEPS):
        macs, params = costs(model)
        if macs <= asked.target_macs and params <= asked.target_params:
            model.zero_grad(set_to_none=True)
            return model
        pruner.step()
    raise SystemExit(f"{asked.method} came to {macs:,} MACs and {params:,} parameters, not less")


def told_by(teacher: nn.Module, images: np.ndarray) -> torch.Tensor:
    """Softened log-probabilities of all images, each the mean over the image and its mirror."""
    answers = (torch.softmax(logits(teacher, each), 1) for each in (images, images[:, :, ::-1]))
    mean = sum(answers) / 2
    return functional.log_softmax(torch.log(mean.clamp_min(1e-7)) / _TEMPERATURE, dim=1)


def train(
    model: nn.Module,
    told: torch.Tensor,
    decay: dict[str, float],
    asked: Asked,
    images: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
) -> tuple[int, float]:
    """Trains in place.

    The loss is (1 - w) CE + w T² KL, T = 2 and w = 0.7; the learning rate rises over a twentieth,
    and falls along a cosine over images, or over time where that is limited.

    Returns:
        Images seen, and seconds.
    """
    groups = [
        {"params": [weight], "weight_decay": 2 * decay.get(name, 0.0)}
        for name, weight in model.named_parameters()
    ]
    optimizer = torch.optim.Adam(groups, lr=asked.rate, eps=1e-7)  # Keras's epsilon
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = _MOMENTUM
    began = time.monotonic()
    seen = 0
    model.train()
    for rows in _batches(len(images), rng):
        if asked.images is not None:
            rows = rows[: asked.images - seen]
            done = seen / asked.images
        else:
            done = (time.monotonic() - _BEGAN) / asked.seconds
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = asked.rate * _share(done)
        answers = model(as_input(_augmented(images[rows], asked.augmentation, rng)))
        softened = functional.log_softmax(answers / _TEMPERATURE, dim=1)
        distance = functional.kl_div(softened, told[rows], reduction="batchmean", log_target=True)
        loss = (1 - _WEIGHT) * functional.cross_entropy(answers, torch.from_numpy(labels[rows]))
        loss = loss + _WEIGHT * _TEMPERATURE**2 * distance
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        seen += len(rows)
    return seen, time.monotonic() - began


def _share(done: float) -> float:
    """Of the learning rate."""
    if done < _WARMUP:
        return max(done / _WARMUP, _FLOOR)
    phase = (done - _WARMUP) / (1 - _WARMUP)
    return _FLOOR + (1 - _FLOOR) * (1 + math.cos(math.pi * phase)) / 2


def recalibrated(model: nn.Module, images: np.ndarray, rng: np.random.Generator) -> nn.Module:
    """A copy whose batch norms have the statistics of 5,000 clean images."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
    model.train()
    rows = rng.choice(len(images), _CLEAN_IMAGES, replace=False)
    with torch.no_grad():
        for part in np.split(rows, _CLEAN_IMAGES // _CLEAN_BATCH):
            model(as_input(images[part]))
    return model.eval()


def row_of(
    asked: Asked, original: nn.Module, decay: dict[str, float], data: dict, halves: tuple
) -> Row:
    """Prunes, trains and measures."""
    began = _BEGAN if asked.seconds is not None else time.monotonic()
    rng = np.random.default_rng(asked.seed)
    images, labels = data["x_train"], data["y_train"]
    model = pruned(original, asked, images, labels, rng)
    model = model.to(memory_format=torch.channels_last)
    told = told_by(original, images)
    seen, seconds = train(model, told, decay, asked, images, labels, rng)
    validation, unseen = halves
    options = []
    for name, each in (("trained", model), ("recalibrated", recalibrated(model, images, rng))):
        right = (logits(each, data["x_test"]).argmax(1).numpy() == data["y_test"]).astype(float)
        options.append((right[validation].mean(), name, right))
    chosen, name, right = max(options, key=lambda option: option[0])
    macs, params = costs(model)
    return Row(
        asked=asked,
        macs=macs,
        params=params,
        channels=channels(model),
        images_trained=seen,
        validation=float(chosen),
        test=float(right.mean()),
        unseen=float(right[unseen].mean()),
        final_statistics=name,
        images_per_s=seen / seconds if seen else None,
        elapsed_s=time.monotonic() - began,
    )


def _batches(num: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    while True:
        order = rng.permutation(num)
        for start in range(0, num, _BATCH):
            yield order[start : start + _BATCH]


def _augmented(images: np.ndarray, policy: str, rng: np.random.Generator) -> np.ndarray:
    """Mirrored at random, and shifted by up to 4 pixels with the edge repeated."""
    num, side = images.shape[:2]
    places = np.arange(side)
    rows = columns = np.tile(places, (num, 1))
    if "shift" in policy:
        down, right = rng.integers(-_SHIFT, _SHIFT + 1, (2, num, 1))
        rows, columns = (np.clip(rows + by, 0, side - 1) for by in (down, right))
    if "flip" in policy:
        columns = np.where(rng.random((num, 1)) < 0.5, columns[:, ::-1], columns)
    return images[np.arange(num)[:, None, None], rows[:, :, None], columns[:, None, :]]


def main() -> None:
    """Computes the rows that are missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exported", type=Path, help="what export.py writes")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--rows", required=True, type=Path)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["magnitude", "taylor"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--target-macs", default="7626520")
    parser.add_argument("--target-params", default="47817")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--images", type=int, default=252_000)
    length.add_argument("--seconds", type=float, help="from the start to the end of the training")
    parser.add_argument("--statistics", choices=("given", "recalibrated"), default="recalibrated")
    parser.add_argument("--augmentation", choices=("none", "flip", "flip+shift"), default="flip")
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate at its peak")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.seconds is not None and len(options.methods) * len(options.seeds) > 1:
        parser.error("--seconds counts from the start: give one method and one seed")
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    exported = dict(np.load(options.exported))
    with np.load(options.data) as arrays:
        data = {name: arrays[name] for name in ("x_train", "x_test")}
        data |= {name: arrays[name].reshape(-1).astype(np.int64) for name in ("y_train", "y_test")}
    original = ported(exported, options.statistics)
    difference = require_equal(original, exported, options.statistics, data["x_test"])
    right = logits(original, data["x_test"]).argmax(1).numpy() == data["y_test"]
    print(f"ported: {right.mean():.4f} of the test images, probabilities within {difference:.1e}")
    decay = {
        key.removeprefix("l2/"): float(value)
        for key, value in exported.items()
        if key.startswith("l2/")
    }
    for seed in options.seeds:
        for method in options.methods:
            asked = Asked(
                method=method,
                target_macs=amount(options.target_macs, int(exported["macs"])),
                target_params=amount(options.target_params, int(exported["params"])),
                images=None if options.seconds is not None else options.images,
                seconds=options.seconds,
                statistics=options.statistics,
                augmentation=options.augmentation,
                rate=options.rate,
                seed=seed,
            )
            if not is_finished(options.rows, asked):
                halves = exported[f"validation/{seed}"], exported[f"unseen/{seed}"]
                add_row(options.rows, row_of(asked, original, decay, data, halves))
    print_table(options.rows)


if __name__ == "__main__":
    main()
