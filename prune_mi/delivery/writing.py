"""Models written, loaded back and compared."""

from pathlib import Path

import keras
import numpy as np

from prune_mi.data.class_file import write_classes
from prune_mi.errors import RunError
from prune_mi.graph.interface.packing import unpack, unpack_inputs
from prune_mi.graph.ir import LayerGraph
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.keras_io.model_graph.build import build_written
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.keras_io.saving.save import h5_can_hold, save_verified
from prune_mi.preparation.baseline import Baseline
from prune_mi.preparation.selected_on import provenance_of
from prune_mi.runs.folder import BEST, RunFolder
from prune_mi.search.candidate import Trained

_PROBE_IMAGES = 16


def unpacked_model(graph: LayerGraph, baseline: Baseline) -> keras.Model:
    """A model of a packed graph, with the ends that the user knows."""
    return build_written(unpack(graph, baseline.profile.packing))


def keep_safe(
    elite: Trained, folder: RunFolder, baseline: Baseline, original: LoadedModel | None
) -> None:
    """Writes an accepted model at once, so that an interrupted run leaves it behind."""
    model = unpacked_model(elite.graph, baseline)
    write_models(model, original, folder.path, baseline)
    folder.best_accuracy = elite.quality


def write_models(
    model: keras.Model, original: LoadedModel | None, folder: Path, baseline: Baseline
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Writes `best`, compiled as the original was, loads it back and compares outputs.

    It is written as `.keras`, and as `.h5` too where the original was that and HDF5 can hold it.
    What was found for some images has no loss nor optimizer; `original` is then None.

    Returns:
        The names of the files, and why there is no `best.h5` where one was to be expected.
    """
    write_model(model, original, folder / BEST, baseline)
    write_classes(baseline.data, baseline.profile.scaling, folder)
    if original is None or not original.is_h5 or not h5_can_hold(original.model):
        return (BEST,), ()
    try:
        if not h5_can_hold(model):
            raise RunError("the result has operations that HDF5 files cannot hold")
        write_model(model, original, folder / "best.h5", baseline)
    except RunError as error:  # the result is there, in the other file
        (folder / "best.h5").unlink(missing_ok=True)  # of an earlier best
        return (BEST,), (f"best.h5 was not written: {error}. Use {BEST}.",)
    return (BEST, "best.h5"), ()


def write_model(
    model: keras.Model, original: LoadedModel | None, path: Path, baseline: Baseline
) -> None:
    """Writes a model, compiled as the original was, loads it back and compares outputs."""
    if original is not None:
        compile_like(model, original.compile_config)
    profile = baseline.profile
    rows = profile.scaling.apply(np.asarray(baseline.data.x_train[:_PROBE_IMAGES]))
    save_verified(
        model, path, unpack_inputs(rows, profile.packing), provenance=provenance_of(baseline.roles)
    )
