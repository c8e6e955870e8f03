"""Which augmentation serves which length of training.

    python tests/benchmarks/augmentation.py MODEL --data DATA [--images 8000 32000 128000]

The first residual branch of the model is removed, the rest is repaired and trained as `optimize`
trains a child, distillation and all, for several lengths and with several augmentations. Printed is
the accuracy on validation images. (Or another unit: `--unit NAME`, see `prune-mi rank`.)
"""

import argparse
from dataclasses import replace
from pathlib import Path

from started import started

from prune_mi.config import make_settings
from prune_mi.data import AugmentationPolicy
from prune_mi.evolution.recipe import damage_of, training_task
from prune_mi.execution.tasks import Evaluated, ScreenTask
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.search.candidate import Proposed

POLICIES = ("none", "flip", "shift", "flip+shift")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, nargs="+", default=[8000, 32_000, 128_000])
    parser.add_argument("--policies", nargs="+", default=POLICIES)
    parser.add_argument("--unit")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    settings = make_settings({"data": options.data})
    with started(options.model, settings, workers=options.workers) as found:
        baseline, profile, pool = found.baseline, found.profile, found.pool
        start = baseline.start
        units = removable_units(start.graph)
        unit = next(
            each
            for each in units
            if (each.name == options.unit if options.unit else each.kind == "branch")
        )
        graph = remove_unit(start.graph, unit)
        (repaired,) = pool.run([ScreenTask("child", graph, start.graph, 0)])
        if not isinstance(repaired, Evaluated):
            raise SystemExit(repaired.message)
        print(
            f"without {unit.name}: {repaired.quality:.4f} repaired; the original "
            f"{baseline.given.quality:.4f}, as start {start.quality:.4f}"
        )
        child = Proposed(
            name="child",
            graph=repaired.graph,
            cost=graph_cost(repaired.graph),
            parent="reference",
            morphs=(),
            lineage=(),
        ).screened(repaired.quality)
        tasks = []
        side = min(baseline.data.image_shape[:2])
        for images in options.images:
            for name in options.policies:
                task = training_task(
                    child, profile, settings, num_images=images,
                    num_train_images=baseline.images.num_train, seconds=None,
                    damage=damage_of(child, baseline),
                )  # fmt: skip
                policy = AugmentationPolicy.parse(name, side)
                tasks.append(replace(task, name=f"{images:>8,} {name}", augmentation=policy))
        for outcome in pool.run(tasks):
            print(f"{outcome.name:22} {getattr(outcome, 'quality', float('nan')):.4f}", flush=True)


if __name__ == "__main__":
    main()
