"""The Keras model as torch can read it: weights by layer name, answers, who sees which images.

    python tests/benchmarks/peers/export.py MODEL --data DATA --out exported.npz

Keys of the file: `given/LAYER/WEIGHT` and `recalibrated/LAYER/WEIGHT`, of the model as saved and
with batch-norm statistics of 5,000 clean training images; `given/answers` and
`recalibrated/answers`, the probabilities of all test images; `macs` and `params`; `validation/SEED`
and `unseen/SEED`, the halves of the test set that `prune-mi optimize --seed SEED` has;
`l2/LAYER.weight`, the weight of the kernel's squares in the loss.
"""

import argparse
from pathlib import Path

from prune_mi.keras_io.runtime.backend import start_backend

_RECALIBRATION_IMAGES, _BATCH = 5000, 500


def export(model: Path, data: str, out: Path, *, num_seeds: int) -> None:
    """Writes the file.

    Raises:
        SystemExit: If selection would not see a half of the test set.
    """
    start_backend()
    import numpy as np

    from prune_mi.config import make_settings
    from prune_mi.graph.cost import graph_cost
    from prune_mi.keras_io.model_graph.build import build_model
    from prune_mi.keras_io.model_graph.trace import trace_model
    from prune_mi.preparation.loading import load_fitting_data, open_source
    from prune_mi.preparation.roles import roles_of_model, training_sample
    from prune_mi.records import ModelSource, SilentObserver
    from prune_mi.repair.recalibrate import recalibrate

    loaded = open_source(ModelSource(model))
    observer = SilentObserver()
    images = load_fitting_data(loaded, make_settings({"data": data}), observer, beside=model)
    given = trace_model(loaded.model)
    rows = np.random.default_rng(0).permutation(len(images.x_train))[:_RECALIBRATION_IMAGES]
    clean = images.x_train[rows].astype(np.float32)
    recalibrated = recalibrate(given, np.split(clean, len(clean) // _BATCH))
    cost = graph_cost(given)
    arrays = {"macs": np.array(cost.macs), "params": np.array(cost.num_params)}
    for name, graph in (("given", given), ("recalibrated", recalibrated)):
        built = build_model(graph)
        arrays[f"{name}/answers"] = built.predict(
            images.x_test.astype(np.float32), batch_size=_BATCH, verbose=0
        )
        accuracy = np.mean(arrays[f"{name}/answers"].argmax(1) == images.y_test)
        print(f"{name}: {accuracy:.4f} of the test images, {cost.macs:,} MACs")
        for layer in built.layers:
            for weight in layer.weights:
                arrays[f"{name}/{layer.name}/{weight.name}"] = np.asarray(weight)
    for layer in built.layers:
        decay = getattr(getattr(layer, "kernel_regularizer", None), "l2", 0.0)
        if decay:
            arrays[f"l2/{layer.name}.weight"] = np.array(float(decay))
    right = arrays["given/answers"].argmax(1) == images.y_test
    built = build_model(given)
    for seed in range(num_seeds):
        settings = make_settings({"data": data, "seed": seed})
        rng = np.random.default_rng((seed, 1))
        rows = training_sample(images, rng)
        answers = built.predict(images.x_train[rows].astype(np.float32), verbose=0)
        known = answers.argmax(1) == images.y_train[rows]
        roles = roles_of_model(images, right, known, settings, rng)
        if roles.validation_source != "test":
            raise SystemExit(f"expected validation by half of the test set: {roles.description}")
        arrays[f"validation/{seed}"] = roles.validation
        arrays[f"unseen/{seed}"] = roles.unseen
    with out.open("wb") as file:
        np.savez(file, **arrays)


def main() -> None:
    """Writes the file that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num-seeds", type=int, default=3)
    options = parser.parse_args()
    export(options.model, options.data, options.out, num_seeds=options.num_seeds)


if __name__ == "__main__":
    main()
