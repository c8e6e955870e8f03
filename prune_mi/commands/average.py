"""`prune-mi average`: several models, of one search or of many, as one that averages them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from prune_mi.config import OptimizeSettings
from prune_mi.data import fit_scaling, other_orders
from prune_mi.data.class_file import CLASS_FILE, known_scaling, require_colours
from prune_mi.errors import ConfigError, GraphError, ModelError
from prune_mi.graph.construction.ensemble import check_members, ensemble_graph
from prune_mi.graph.cost import graph_cost
from prune_mi.graph.interface.binary_output import is_one_unit, two_columns, unit_reading
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.model_graph.build import build_model
from prune_mi.keras_io.model_graph.trace import trace_model
from prune_mi.keras_io.saving.save import save_verified
from prune_mi.measure.predictor import predict
from prune_mi.measure.quality import accuracy
from prune_mi.preparation.loading import load_fitting_data, open_source
from prune_mi.preparation.logits import yields_logits
from prune_mi.records import Average, Averaged, ModelSource, SilentObserver
from prune_mi.report.files import require_new
from prune_mi.runs.notes import NoteTaker

_PROBE_IMAGES = 64


def average_models(
    sources: Sequence[ModelSource],
    settings: OptimizeSettings,
    *,
    out: Path,
    overwrite: bool = False,
) -> Average:
    """Averages the class probabilities of classifiers, and measures all on the test images.

    Args:
        sources: The models, two or more: one input of the same shape, the same classes.
        settings: The data, whose test images are asked about; the scaling that all models take,
            one that a class file may name; and the classes: None goes by the first model's
            `classes.json`, or else the data.
        out: The `.keras` file to write; the first model's `classes.json`, if any, goes beside it.
        overwrite: Whether `out`, and another `classes.json` beside it, may be there already.

    Raises:
        ConfigError: If there are fewer than two models, `out`, the scaling or the classes do not
            do, or a file to write is there already.
        ModelError: If a model cannot be used, or does not fit the others.
        DataError: If the data cannot be loaded, or do not fit the models.
    """
    kind = known_scaling(settings.scaling)
    _require_new(sources, out, overwrite=overwrite)
    loaded = [open_source(source) for source in sources]
    notes = NoteTaker(SilentObserver())
    images = load_fitting_data(loaded[0], settings, notes, beside=sources[0].path)
    if orders := other_orders(images):
        notes.note(
            f"The classes are used in the order of {images.source}. If the models have them "
            f"{' or '.join(order.name for order in orders)}, pass their order with --classes."
        )
    require_colours(kind, images.image_shape)
    scaled = fit_scaling(kind, images.x_train, full=images.full_value)
    graphs = [trace_model(each.model) for each in loaded]
    probe = images.x_test[:_PROBE_IMAGES]
    try:
        # In case they do not fit, before any is asked.
        check_members(graphs)
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


def _require_new(sources: Sequence[ModelSource], out: Path, *, overwrite: bool) -> None:
    if len(sources) < 2:
        raise ConfigError(f"received {len(sources)} model; expected two or more to average")
    paths = [source.path for source in sources]
    require_new(out, suffixes=(".keras",), models=paths, overwrite=overwrite)
    beside, own = out.with_name(CLASS_FILE), paths[0].with_name(CLASS_FILE)
    if not overwrite and own.is_file() and beside.exists():
        if beside.is_file() and own.read_bytes() == beside.read_bytes():
            return
        raise ConfigError(
            f"{beside} already exists; choose another folder or name, or pass --overwrite"
        )
