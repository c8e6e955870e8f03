"""Models measured on the whole test set, of which selection saw a part at most."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import keras
import numpy as np

from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.preparation.baseline import Baseline
from prune_mi.records import ModelFacts


def measured_facts(
    graph: LayerGraph,
    outputs: np.ndarray,
    baseline: Baseline,
    *,
    quality: float,
    size_bytes: int,
) -> ModelFacts:
    """Everything the report says of one model.

    Args:
        graph: The model.
        outputs: On the whole test set, as `WorkerPool.predict` has them.
        baseline: The data, and who has seen what.
        quality: On validation images.
        size_bytes: Of its `.keras` file.
    """
    unseen, truth, judge = baseline.roles.unseen, baseline.data.y_test, baseline.judge
    cost = graph_cost(graph)
    return ModelFacts(
        val_metric=judge.value(quality),
        test_metric=judge.measured(outputs[unseen], truth[unseen]),
        full_test_metric=judge.measured(outputs, truth),
        metrics=judge.all_metrics(outputs[unseen], truth[unseen]),
        num_params=cost.num_params,
        macs=cost.macs,
        num_layers=cost.num_layers,
        size_bytes=size_bytes,
        other_costs=cost.others,
    )


def installed_versions() -> dict[str, str]:
    """Versions of what a run's figures depend on, and Keras's backend."""
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in ("prune-mi", "keras", "tensorflow", "numpy", "scikit-learn"):
        with suppress(PackageNotFoundError):  # run from a checkout, or tensorflow-cpu
            found[package] = version(package)
    return found
