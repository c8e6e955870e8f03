"""Do a plan's score and its screened accuracy tell what it has after training?

    python tests/benchmarks/plans.py MODEL --data DATA [--share 0.5] [--plans 30] [--images 32000]

Plans of many kinds that cost the same are made as `optimize` makes them, repaired and screened, and
each gets the same short training. Printed are the rank correlations (Spearman's) of what is known
before the training with the accuracy behind it, on other images than those of the screening, with
intervals of a bootstrap over the plans. A plan's score is what is taken to be lost with all
channels that go; units are ranked in another measure, so plans with units have none.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from started import Started, child_of, ranked, screen_task, started

from prune_mi.config import OptimizeSettings, make_settings
from prune_mi.costs.objective import objective_of
from prune_mi.evolution.recipe import damage_of, training_task
from prune_mi.execution.tasks import Evaluated
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.sites import unit_sites
from prune_mi.information.ranking import least_first
from prune_mi.morphisms.morphism import SiteScore
from prune_mi.search.candidate import Screened
from prune_mi.search.group_losses import group_gains, shares_of
from prune_mi.search.plans import Plan, Planner

UNITS = (0, 0, 0, 1, 0, 0, 2, 1)  # that go, of one plan after the other
SPREADS = (0.2, 0.5, 1.0)
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """A plan, and what is known of it."""

    child: Screened
    score: float | None
    trained: float
    held_out: float


def main() -> None:
    """Prints the plans and the correlations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of the MACs that stays")
    parser.add_argument("--plans", type=int, default=30)
    parser.add_argument("--images", type=int, default=32_000)
    parser.add_argument("--channel-criterion", default="information")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    settings = make_settings(
        {
            "data": options.data,
            "seed": options.seed,
            "ranking": {"channel_criterion": options.channel_criterion},
        }
    )
    with started(options.model, settings, workers=options.workers) as found:
        rows = _rows(options, settings, found)
    _print(rows)


def _rows(options: argparse.Namespace, settings: OptimizeSettings, found: Started) -> list[Row]:
    baseline, profile, pool = found.baseline, found.profile, found.pool
    start = baseline.start
    print(f"{options.model.name}: {start.quality:.4f}, {start.cost.macs:,} MACs", flush=True)
    sites = unit_sites(start.graph)
    ranks = ranked(found, settings, sites)
    units = [
        SiteScore(sites[place].name, ranks.gains[place], ranks.spreads[place])
        for place in least_first(sites, ranks.gains)
    ]
    objective = objective_of(settings, start.cost)
    planner = Planner(start.graph, units, ranks.channels, objective)
    named = {f"plan {place}": plan for place, plan in enumerate(_plans(planner, options))}
    children = {name: child_of(name, plan) for name, plan in named.items()}
    screened: dict[str, Screened] = {}
    for outcome in pool.run([screen_task(each, found, settings) for each in children.values()]):
        if isinstance(outcome, Evaluated):
            screened[outcome.name] = children[outcome.name].screened(
                outcome.quality, graph=outcome.graph
            )
    print(f"screened: {len(screened)} plans", flush=True)
    tasks = [
        training_task(
            each,
            profile,
            settings,
            num_images=options.images,
            num_train_images=baseline.images.num_train,
            seconds=None,
            damage=damage_of(each, baseline),
        )
        for each in screened.values()
    ]
    gains = group_gains(start.graph, ranks.channels)
    rows, num_screening = [], settings.screening_images
    for outcome in pool.run(tasks):
        if not isinstance(outcome, Evaluated):
            continue
        child = screened[outcome.name]
        held_out = float(np.mean(outcome.scores[num_screening:]))
        score = _score(named[outcome.name], start.graph, gains)
        rows.append(Row(child, score, outcome.quality, held_out))
        print(
            f"{child.name:8} {child.cost.macs:>11,} MACs {child.cost.num_params:>9,} params  "
            f"score {'-' if score is None else f'{score:.4g}'}  screened {child.quality:.4f}  "
            f"trained {outcome.quality:.4f}  held out {held_out:.4f}",
            flush=True,
        )
    return rows


def _plans(planner: Planner, options: argparse.Namespace) -> list[Plan]:
    """Plans for one cost, no network twice."""
    rng = np.random.default_rng(options.seed)
    most = options.share * graph_cost(planner.parent).macs
    plans, seen = [], set()
    for place in range(10 * options.plans):
        plan = planner.plan(
            {"macs": most},
            rng=rng,
            spread=SPREADS[place % len(SPREADS)],
            num_units=UNITS[place % len(UNITS)],
        )
        if plan is None or plan.graph.structural_hash() in seen:
            continue
        seen.add(plan.graph.structural_hash())
        plans.append(plan)
        if len(plans) == options.plans:
            break
    return plans


def _score(plan: Plan, parent: LayerGraph, gains: Mapping[str, float]) -> float | None:
    """What is taken to be lost with all channels that go; None where a unit goes."""
    if any(each.is_removal for each in plan.records):
        return None
    return sum(share * gains[name] for name, share in shares_of(plan.records, parent).items())


def _print(rows: list[Row]) -> None:
    known: dict[str, Callable[[Row], float]] = {
        "screened accuracy": lambda row: row.child.quality,
        "MACs": lambda row: row.child.cost.macs,
        "parameters": lambda row: row.child.cost.num_params,
    }
    scored: dict[str, Callable[[Row], float]] = {"score": lambda row: -(row.score or 0.0)}
    narrowed = [row for row in rows if row.score is not None]
    for words, chosen, tellers in (
        ("all", rows, known),
        ("channels alone", narrowed, {**scored, **known}),
    ):
        truth = np.array([row.held_out for row in chosen])
        print(f"{words}: {len(chosen)} plans, held out {truth.min():.4f} to {truth.max():.4f}")
        for name, told in tellers.items():
            values = np.array([told(row) for row in chosen])
            low, high = _interval(values, truth)
            found = spearmanr(values, truth).statistic
            print(f"  {name:18} {found:+.3f}  ({low:+.3f} to {high:+.3f})")


def _interval(values: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """95 %, of a bootstrap over the plans."""
    rng, found = np.random.default_rng(0), []
    for _ in range(DRAWS):
        places = rng.integers(len(values), size=len(values))
        if np.ptp(values[places]) and np.ptp(truth[places]):
            found.append(spearmanr(values[places], truth[places]).statistic)
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
