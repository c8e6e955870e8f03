"""`prune-mi average`: several models, of one search or of many, as one that averages them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from prune_mi.config import make_settings
from prune_mi.data import COLOUR_KINDS, fit_scaling, other_orders, shape_text
from prune_mi.data.class_file import CLASS_FILE, FILE_SCALINGS, FileScaling
from prune_mi.errors import ConfigError, GraphError, ModelError, RunFolderError
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.ensemble import ensemble_graph
from prune_mi.graph.ir import LayerGraph
from prune_mi.graph.one_unit import is_one_unit, two_columns, unit_reading
from prune_mi.keras_io.build import build_model
from prune_mi.keras_io.saving import save_verified
from prune_mi.keras_io.trace import trace_model
from prune_mi.measure.quality import accuracy, predict
from prune_mi.records import Average, Averaged, ModelSource, SilentObserver
from prune_mi.stages.loading import load_fitting_data, open_source
from prune_mi.stages.logits import yields_logits
from prune_mi.stages.note_taker import NoteTaker

_PROBE_IMAGES = 64


def average_models(
    sources: Sequence[ModelSource],
    *,
    data: str,
    out: Path,
    scaling: str = "none",
    classes: str | Sequence[str] | None = None,
    overwrite: bool = False,
) -> Average:
    """Averages the class probabilities of classifiers, and measures all on the test images.

    Args:
        sources: The models, two or more: one input of the same shape, the same classes.
        data: As for `optimize`; its test images are asked about.
        out: The `.keras` file to write; the first model's `classes.json`, if any, goes beside it.
        scaling: What all models take: `none`, `unit`, `signed`, `caffe` or `torch`.
        classes: As for `optimize`; None goes by the first model's `classes.json`, or else the data.
        overwrite: Whether `out`, and another `classes.json` beside it, may be there already.

    Raises:
        ConfigError: If there are fewer than two models, or `out`, `scaling` or `classes` does not
            do.
        RunFolderError: If one of these is there already.
        ModelError: If a model cannot be used, or does not fit the others.
        DataError: If the data cannot be loaded, or do not fit the models.
    """
    kind = _require(sources, out, scaling, overwrite=overwrite)
    loaded = [open_source(source) for source in sources]
    settings = make_settings({"data": data, "scaling": kind, "classes": classes})
    notes = NoteTaker(SilentObserver())
    images = load_fitting_data(loaded[0].model, settings, notes, beside=sources[0].path)
    if orders := other_orders(images):
        notes.note(
            f"The classes are used in the order of {images.source}. If the models have them "
            f"{' or '.join(order.name for order in orders)}, pass their order with --classes."
        )
    if kind in COLOUR_KINDS and images.image_shape[2:] != (3,):
        raise ConfigError(
            f"`scaling` is {kind!r}, which is for images with three colour channels, but samples "
            f"have the shape {shape_text(images.image_shape)}; expected one of "
            f"{', '.join(each for each in FILE_SCALINGS if each not in COLOUR_KINDS)}"
        )
    scaled = fit_scaling(kind, images.x_train, full=images.full_value)
    graphs = [trace_model(each.model) for each in loaded]
    probe = images.x_test[:_PROBE_IMAGES]
    try:
        # In case they do not fit, before any is asked.
        ensemble_graph(graphs)
        logits = [
            yields_logits(graph, 0, predict(each.model, probe, scaled))
            for each, graph in zip(loaded, graphs, strict=True)
        ]
        averaged = ensemble_graph(graphs, from_logits=logits)
    except GraphError as error:
        raise ModelError(f"the models cannot be averaged: {error}") from error

    def measured(name: str, model: keras.Model, graph: LayerGraph) -> Averaged:
        cost = graph_cost(graph)
        outputs = predict(model, images.x_test, scaled)
        if is_one_unit(graph, graph.outputs[0]):
            outputs = two_columns(outputs, unit_reading(graph, graph.outputs[0]) or "logit")
        right = accuracy(outputs, images.y_test)
        return Averaged(name, right, cost.num_params, cost.macs)

    members = [
        measured(str(source.path), each.model, graph)
        for source, each, graph in zip(sources, loaded, graphs, strict=True)
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    whole = build_model(averaged)
    save_verified(whole, out, scaled.apply(np.asarray(probe)))
    own, beside = sources[0].path.with_name(CLASS_FILE), out.with_name(CLASS_FILE)
    if own.is_file() and own.resolve() != beside.resolve():
        shutil.copyfile(own, beside)
    whole_measured = measured(str(out), whole, averaged)
    return Average(tuple(members), whole_measured, len(images.y_test), tuple(notes.said))


def _alike(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _require(
    sources: Sequence[ModelSource], out: Path, scaling: str, *, overwrite: bool
) -> FileScaling:
    """The scaling, where all of it will do."""
    if len(sources) < 2:
        raise ConfigError(f"received {len(sources)} model; expected two or more to average")
    kind = next((each for each in FILE_SCALINGS if each == scaling), None)
    if kind is None:
        raise ConfigError(f"`scaling` is {scaling!r}; expected one of {', '.join(FILE_SCALINGS)}")
    if out.suffix != ".keras":
        raise ConfigError(f"cannot write {out}; choose a name that ends in .keras")
    if out.resolve() in [source.path.resolve() for source in sources]:
        raise ConfigError(f"{out} is one of the models; choose another name")
    beside, own = out.with_name(CLASS_FILE), sources[0].path.with_name(CLASS_FILE)
    for there in (out, *([beside] if own.is_file() and not _alike(own, beside) else [])):
        if there.exists() and not overwrite:
            raise RunFolderError(
                f"{there} already exists; choose another folder or name, or pass --overwrite"
            )
    return kind
