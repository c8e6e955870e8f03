"""Which augmentation, optimizer and learning rate serve which length of training.

    python tests/benchmarks/recipes.py MODEL --data DATA [--images 8000 32000 128000]
    python tests/benchmarks/recipes.py MODEL --data DATA --share 0.63 --policies flip \
        --optimizers adam muon --rates 1e-3 3e-3 --images 100000 300000

The first residual branch of the model is removed (or another unit: `--unit NAME`, see `prune-mi
rank`), or channels alone until `--share` of its MACs is left. The rest is repaired and trained as
`optimize` trains a child, distillation and all. Printed is the accuracy on validation images.
"""

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from started import Started, child_of, ranked, screen_task, started

from prune_mi.config import OptimizeSettings, make_settings
from prune_mi.costs.objective import objective_of
from prune_mi.data import AugmentationPolicy
from prune_mi.evolution.recipe import damage_of, training_task
from prune_mi.execution.tasks import Evaluated
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.search.candidate import Screened
from prune_mi.search.plans import Plan, Planner

POLICIES = ("none", "flip", "shift", "flip+shift")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, nargs="+", default=[8000, 32_000, 128_000])
    parser.add_argument("--policies", nargs="+", default=POLICIES)
    parser.add_argument("--optimizers", nargs="+", default=["muon"])
    parser.add_argument("--rates", type=float, nargs="+", help="else as optimize finds it")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    removed = parser.add_mutually_exclusive_group()
    removed.add_argument("--unit")
    removed.add_argument("--share", type=float, help="of the MACs, that narrowing leaves")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    settings = make_settings({"data": options.data})
    with started(options.model, settings, workers=options.workers) as found:
        start = found.baseline.start
        child = _child(options, settings, found)
        print(
            f"{start.quality:.4f} as it starts, {found.baseline.given.quality:.4f} as it was; "
            f"without {child.name} {float(child.quality):.4f}, {child.cost.macs:,} MACs, "
            f"{child.cost.num_params:,} params",
            flush=True,
        )
        tasks = []
        side = min(found.baseline.data.image_shape[:2])
        for images, optimizer, rate, name, seed in product(
            options.images, options.optimizers, options.rates or [None], options.policies,
            options.seeds,
        ):  # fmt: skip
            training = settings.training.model_copy(
                update={"optimizer": optimizer, "learning_rate": rate}
            )
            task = training_task(
                child, found.profile,
                settings.model_copy(update={"training": training, "seed": seed}),
                num_images=images, num_train_images=found.baseline.images.num_train, seconds=None,
                damage=damage_of(child, found.baseline),
            )  # fmt: skip
            words = f"{images:>8,} {optimizer} {task.plan.learning_rate:.2g} {name} seed {seed}"
            policy = AugmentationPolicy.parse(name, side)
            tasks.append(replace(task, name=words, augmentation=policy))
        for outcome in found.pool.run(tasks):
            print(f"{outcome.name:44} {getattr(outcome, 'quality', float('nan')):.4f}", flush=True)


def _child(options: argparse.Namespace, settings: OptimizeSettings, found: Started) -> Screened:
    """The model without what is asked for, repaired."""
    start = found.baseline.start
    if options.share is None:
        units = removable_units(start.graph)
        unit = next(
            each
            for each in units
            if (each.name == options.unit if options.unit else each.kind == "branch")
        )
        graph = remove_unit(start.graph, unit)
        plan, name = Plan(graph, (), {}, 0.0), unit.name
    else:
        ranks = ranked(found, settings)
        planner = Planner(start.graph, [], ranks.channels, objective_of(settings, start.cost))
        most = {"macs": options.share * start.cost.macs}
        narrower = planner.plan(most, rng=np.random.default_rng(0), spread=0.0, num_units=0)
        if narrower is None:
            raise SystemExit(f"{options.model}: channels alone do not come to {options.share}")
        plan, name = narrower, "channels"
    child = child_of(name, plan)
    (repaired,) = found.pool.run([screen_task(child, found, settings)])
    if not isinstance(repaired, Evaluated):
        raise SystemExit(repaired.message)
    return child.screened(repaired.quality, graph=repaired.graph)


if __name__ == "__main__":
    main()
