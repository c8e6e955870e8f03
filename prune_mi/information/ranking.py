"""Ranking: the sites whose change loses the least information about the class.

A criterion says what would be lost at each, and how that would vary with
other samples. Of equal gains the site that saves most multiply-accumulates goes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module

import numpy as np

from prune_mi.graph.site import Site
from prune_mi.information.criterion import (
    Criterion,
    RankingRequest,
    Scores,
    interval,
    probability_among_least,
)
from prune_mi.information.estimator import EstimatorCriterion


@dataclass(frozen=True, slots=True)
class Information:
    """Bits that a tensor tells about the class, and their 95 % confidence interval."""

    bits: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RankedSite:
    """A site with its score.

    Attributes:
        score: What would go there adds, in the measure of the criterion; may be negative.
        score_spread: Standard error of the score.
        score_low, score_high: Its 95 % confidence interval.
        information: In the tensor behind the site; None where the criterion does not say.
        probability_least: That it is among the k sites of lowest score.
    """

    site: Site
    score: float
    score_spread: float
    score_low: float
    score_high: float
    information: Information | None
    probability_least: float


def rank_sites(request: RankingRequest, *, least: int = 5) -> tuple[RankedSite, ...]:
    """Ranks sites by the criterion that the request's settings name, lowest score first.

    Args:
        request: What the criterion is asked.
        least: The k of `RankedSite.probability_least`.
    """
    sites = request.sites
    if not sites:
        return ()
    scores = criterion(request.settings.criterion).score(request)
    low, high = interval(scores.draws)
    among = probability_among_least(scores.draws, least)
    informed = _information(scores)
    return tuple(
        RankedSite(
            site=sites[place],
            score=float(scores.gains[place]),
            score_spread=float(np.std(scores.draws[place])),
            score_low=float(low[place]),
            score_high=float(high[place]),
            information=informed[place],
            probability_least=float(among[place]),
        )
        for place in least_first(sites, scores.gains)
    )


def least_first(sites: Sequence[Site], gains: Sequence[float] | np.ndarray) -> list[int]:
    """The places of sites, least gain first; of equal gains, the one that saves most."""
    return sorted(
        range(len(sites)), key=lambda place: (gains[place], -sites[place].saves.get("macs", 0))
    )


def _information(scores: Scores) -> list[Information | None]:
    if scores.information is None or scores.information_draws is None:
        return [None] * len(scores.gains)
    low, high = interval(scores.information_draws)
    return [
        Information(float(bits), float(least), float(most))
        for bits, least, most in zip(scores.information, low, high, strict=True)
    ]


def criterion(name: str) -> Criterion:
    """The criterion of a name that `config.Criterion` lists, found in `information/criteria`.

    `leave-one-out` is the `CRITERION` of `leave_one_out.py`.
    """
    module = import_module(f"prune_mi.information.criteria.{name.replace('-', '_')}")
    found: Criterion | EstimatorCriterion = module.CRITERION
    if isinstance(found, Criterion):
        return found
    return Criterion(partial(_information_gains, found), measure="bit")


def _information_gains(found: EstimatorCriterion, request: RankingRequest) -> Scores:
    from prune_mi.information.information_gain import information_gains  # which opens Keras

    return information_gains(found, request)
