"""`prune-mi rank`: what each unit of a model adds to the information about the classes."""

import time
from dataclasses import replace
from os import PathLike
from typing import Any

import keras
import numpy as np

from prune_mi.config import OptimizeSettings, make_settings
from prune_mi.data import Dataset, data_setting, stratified_sample
from prune_mi.data.chunks import taken
from prune_mi.data.strata import strata
from prune_mi.errors import ModelError
from prune_mi.execution.store import Store
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.units.discovery import removable_units
from prune_mi.graph.units.removal import remove_unit
from prune_mi.graph.units.sites import unit_site
from prune_mi.graph.units.unit import Unit
from prune_mi.information.criterion import RankingRequest
from prune_mi.information.ranking import Information, RankedSite, criterion, rank_sites
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.preparation.objects import opened_sources
from prune_mi.preparation.profile import Profile
from prune_mi.preparation.start import open_model
from prune_mi.preparation.study import studied
from prune_mi.records import ModelSource, Observer, Ranking, RankingRow, SilentObserver
from prune_mi.runs.notes import NoteTaker

_IMAGES = "images_to_rank_on"
_FEWEST_SAMPLES = 1000
_SAMPLES_A_CLASS = 100


def rank(
    model: str | PathLike[str] | keras.Model,
    *,
    data: Any,
    samples: int | None = None,
    least: int = 5,
    observer: Observer | None = None,
    model_json: str | PathLike[str] | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    **settings: Any,
) -> Ranking:
    """Ranks the removable units of a model, as `prune-mi rank` does.

    Args:
        model: A loaded model, a file, or the folder of a run.
        data: As for `optimize`; units are ranked on training images.
        samples: Training images, stratified by class; None takes 100 a class, 1000 at least.
        least: The number k, for the probability that a unit is among the k lowest.
        observer: Hears of progress.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether Python code in the file, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        **settings: `ranking`, such as `{"criterion": "kmeans"}`, `protect`, `scaling`, `output`,
            `classes`, `allow_weak_model` and `seed`, as for `optimize`.

    Raises:
        PruneMIError: What was received, what was expected and how to mend it.
    """
    wanted = make_settings({**settings, "data": data_setting(data)})
    trust = Trust(allow_unsafe, custom_objects)
    heard = observer or SilentObserver()
    with opened_sources([model], model_json=model_json, trust=trust) as (source,):
        return rank_model(source, wanted, samples=samples, least=least, observer=heard)


def rank_model(
    source: ModelSource,
    settings: OptimizeSettings,
    *,
    samples: int | None = None,
    least: int = 5,
    observer: Observer,
) -> Ranking:
    """Ranks the removable units of a model that cost anything.

    Args:
        source: The model file.
        settings: The data, the criterion and its sizes; what is said of the search is not used.
        samples: Training images, stratified by class; None takes 100 a class, 1000 at least.
        least: The number k, for the probability that a unit is among the k lowest.
        observer: Hears of progress.

    Raises:
        PruneMIError: As `prune_mi.optimize` does for its model, data and settings.
        ModelError: If no unit can go.
    """
    started = time.monotonic()
    notes = NoteTaker(observer)
    notes.phase("Loading the model and the data")
    loaded, data = open_model(source, settings, notes, compiles=False)
    with studied(loaded, data, settings, notes, workers=1) as (pool, profile):
        request = ranking_request(profile, profile.arranged(data), settings, samples=samples)
        graph = request.graph
        if not request.sites:
            raise ModelError(
                f"no unit of {source.told} can be removed; run `prune-mi inspect` to see why, "
                "layer by layer"
            )
        notes.phase(f"Ranking {len(request.sites)} units")
        pool.store.put(_IMAGES, request.images)
        asked = replace(request, images=request.images[:0])
        ranked, information = pool.call(_ranked, asked, pool.store, least)
    by_name = {each.site.name: (rank, each) for rank, each in enumerate(ranked)}
    return Ranking(
        model=source.told,
        data=str(settings.data),
        criterion=settings.ranking.criterion,
        measure=criterion(settings.ranking.criterion).measure,
        num_samples=len(request.groups),
        least=least,
        total=graph_cost(graph),
        units=tuple(
            _row(graph, unit, *by_name[unit.name], information[unit.name])
            for unit in removable_units(graph)
            if unit.name in by_name
        ),
        seconds=round(time.monotonic() - started, 1),
        seed=settings.seed,
        notes=tuple(notes.said),
    )


def ranking_request(
    profile: Profile, data: Dataset, settings: OptimizeSettings, *, samples: int | None
) -> RankingRequest:
    """What a criterion is asked: about the units that cost anything, on training images."""
    wanted = samples or max(_FEWEST_SAMPLES, _SAMPLES_A_CLASS * profile.head.shape[-1])
    rng = np.random.default_rng((settings.seed, 5))
    groups = strata(data.y_train, data.form)
    chosen = np.sort(stratified_sample(groups, size=wanted, rng=rng))
    graph = profile.graph
    return RankingRequest(
        graph=graph,
        sites=[unit_site(unit) for unit in removable_units(graph) if unit.macs or unit.num_params],
        images=taken(data.x_train, chosen),
        truth=data.y_train[chosen],
        groups=groups[chosen],
        scaling=profile.scaling,
        judge=profile.judge,
        settings=settings.ranking,
        seed=settings.seed,
    )


def _ranked(
    request: RankingRequest, store: Store, least: int
) -> tuple[tuple[RankedSite, ...], dict[str, Information]]:
    """Runs in a worker, which reads the images from the store.

    What the tensor behind each site tells is of `kmeans` where the criterion does not say.
    """
    whole = replace(request, images=store.get(_IMAGES))
    ranked = informed = rank_sites(whole, least=least)
    if any(each.information is None for each in ranked):
        settings = request.settings.model_copy(update={"criterion": "kmeans"})
        informed = rank_sites(replace(whole, settings=settings))
    told = {each.site.name: each.information for each in informed if each.information is not None}
    return ranked, told


def _row(
    graph: LayerGraph, unit: Unit, rank: int, ranked: RankedSite, information: Information
) -> RankingRow:
    left = remove_unit(graph, unit).layers
    return RankingRow(
        name=unit.name,
        kind=unit.kind,
        layers=tuple(layer for layer in graph.layers if layer not in left),
        information_bits=information.bits,
        information_low=information.low,
        information_high=information.high,
        score=ranked.score,
        score_low=ranked.score_low,
        score_high=ranked.score_high,
        probability_least=ranked.probability_least,
        rank=rank,
        macs=unit.macs,
        num_params=unit.num_params,
    )
