"""A run's report, made up after ResNet-8 on CIFAR-10."""

import dataclasses
from collections.abc import Callable

import pytest

from prune_mi.records import (
    ChildRecord,
    ClassFacts,
    GenerationRecord,
    LimitFacts,
    ModelFacts,
    MorphRecord,
    RunReport,
    SearchReport,
    Statistics,
    StatisticsCandidate,
)

BRANCH = MorphRecord(
    kind="remove-by-rank",
    effect="removes",
    target="branch add_4",
    layers=("conv2d_7", "batch_normalization_7", "activation_6", "conv2d_8", "add_4"),
    reason="score 0.012 ± 0.004 bits, lowest of 9 units for the cost it saves",
)
INSERTION = MorphRecord(
    kind="insert-dropout",
    effect="adds",
    target="relu_3",
    layers=("dropout_1",),
    reason="rate 0.2",
)
STAGE = MorphRecord(
    kind="remove-at-random",
    effect="removes",
    target="unit conv2d_12",
    layers=tuple(f"stage3_block2_branch_convolution_{index}" for index in range(7)),
    reason="chosen at random from [5] units",
)
METRICS = {"accuracy": 0.8719, "balanced": 0.8719, "top-5": 0.9931}
REFERENCE = ModelFacts(0.8752, 0.8719, 0.8719, METRICS, 78_666, 12_501_632, 34, 361_472)
CONTROL = dataclasses.replace(REFERENCE, val_metric=0.8760, test_metric=0.8731)
LESS = {"accuracy": 0.8655, "balanced": 0.8655, "top-5": 0.9927}
RESULT = ModelFacts(0.8690, 0.8655, 0.8660, LESS, 61_002, 8_101_120, 27, 1_290_240)


def _make_child(name: str = "g1c3", **changes: object) -> ChildRecord:
    child = ChildRecord(
        name=name,
        generation=1,
        parent="reference",
        morphs=(BRANCH, INSERTION),
        num_params=61_002,
        macs=10_126_322,
        num_layers=27,
        screened_quality=0.871,
        trained_quality=0.902,
        images_trained=100_000,
        seconds=12.5,
        verdict="accepted",
        detail="0.902 is within 0.02 of 0.875",
    )
    return dataclasses.replace(child, **changes)  # type: ignore[arg-type]


@pytest.fixture
def make_child() -> Callable[..., ChildRecord]:
    """Makes an accepted child; keywords change its fields."""
    return _make_child


@pytest.fixture
def report() -> RunReport:
    failed = _make_child(
        "g1c4", screened_quality=None, trained_quality=None, verdict="failed", detail="no memory"
    )
    return RunReport(
        model="resnet8_mlperf_tiny.h5",
        data="cifar10.npz",
        task="classification",
        metric="accuracy",
        metric_words="accuracy",
        objective="macs",
        max_accuracy_drop=0.02,
        smaller=True,
        reference=REFERENCE,
        control=CONTROL,
        result=RESULT,
        removals=(BRANCH, INSERTION, STAGE),
        input_scaling="none (0..255)",
        augmentation="flip+shift",
        validation="5,000 test images, stratified; the other 5,000 were read once, at the end",
        images_trained=1_234_000,
        control_images=1_234_000,
        recalibrated=dataclasses.replace(REFERENCE, test_metric=0.8850),
        statistics=Statistics(
            "2,000 images, plain",
            (
                StatisticsCandidate("as saved", 0, 0.8752, 0.0, 0.0002),
                StatisticsCandidate("2,000 images, plain", 2000, 0.8861, 0.0109, 0.0031),
            ),
        ),
        limit=LimitFacts("accuracy", 0.02, 0.0062, 0.0041, 0.001, 0.0041, None, 0.98, 5000, 5000),
        classes=(
            ClassFacts("cat", 500, 0.75, 0.70, -0.09, -0.01, False),
            ClassFacts("dog", 500, 0.85, 0.70, -0.21, -0.09, True),
        ),
        can_go="9 units can go, 93 % of the MACs.",
        can_go_share=0.93,
        unused=("0.0138 of the allowed drop of 0.02 on validation",),
        elapsed_s=751.4,
        budget_s=1500.0,
        generations=(GenerationRecord(1, "reference", (_make_child(), failed), "g1c3"),),
        stop_reason="nothing more can be removed",
        seed=0,
        versions={"keras": "3.12.0", "python": "3.11.9"},
        notes=("The scaling none (0..255) was found: 0.99 on training images, the next 0.31.",),
        folder="smaller",
        files=("best.keras", "best.h5"),
    )


@pytest.fixture
def unchanged_report(report: RunReport) -> RunReport:
    return dataclasses.replace(
        report, smaller=False, result=REFERENCE, control=None, removals=(), budget_s=None
    )


@pytest.fixture
def search_report() -> SearchReport:
    """A search's report, made up: an ensemble of two, deletions tried."""
    seed = ModelFacts(
        0.41,
        0.40,
        0.40,
        {"accuracy": 0.40, "balanced": 0.40, "top-5": 0.75},
        1_200,
        480_000,
        7,
        30_000,
    )
    return SearchReport(
        start="seed",
        data="cifar10",
        task="classification",
        metric="accuracy",
        metric_words="accuracy",
        method="mi",
        reference=seed,
        result=dataclasses.replace(RESULT, test_metric=0.8123, num_params=61_002),
        ensemble=dataclasses.replace(RESULT, test_metric=0.8311, num_params=120_000),
        members=("g2c1", "g1c3"),
        better=True,
        layers=14,
        lineage=(INSERTION, BRANCH),
        trials=25,
        adoptions=14,
        augmentation="flip",
        validation="train",
        images_trained=90_000,
        total_images=1_234_000,
        training_s=812.5,
        workers=2,
        elapsed_s=751.0,
        budget_s=None,
        generations=(GenerationRecord(1, "reference", (_make_child(),), "g1c3"),),
        stop_reason="the one generation was made",
        seed=0,
        classes=("cat", "dog"),
        versions={"keras": "3.15.1"},
        notes=("3 broken images were skipped.",),
        folder="runs/pets",
        files=("best.keras", "ensemble.keras", "classes.json"),
        num_unseen=1000,
        chance=0.5,
    )
