"""`prune-mi convert`: a model of Keras 2, written again as one of Keras 3. Nothing is pruned."""

from pathlib import Path

import keras
import numpy as np

from prune_mi.equivalence import random_inputs
from prune_mi.errors import ModelError, RunError
from prune_mi.keras_io.forward.forward_pass import input_structure, outputs_of
from prune_mi.keras_io.loading.load import LoadedModel
from prune_mi.keras_io.saving.compiling import compile_like
from prune_mi.keras_io.saving.save import h5_can_hold, save_verified
from prune_mi.preparation.loading import open_source
from prune_mi.records import Conversion, ModelSource
from prune_mi.report.files import require_new


def convert_model(source: ModelSource, new: Path, *, overwrite: bool = False) -> Conversion:
    """Opens a model and writes it again; what is written is loaded back and compared.

    Args:
        source: The old file, of Keras 2 or 3. One that Keras 2 wrote is compared with Keras 2.
        new: Where to write, `.keras` or `.h5`.
        overwrite: Whether `new` may be there already.

    Raises:
        ModelError: If the old file cannot be used, or not be written in that format.
        ConfigError: If the custom objects cannot be imported, or `new` is no file to write.
        RunError: If writing fails, or what was written loads with other outputs.
    """
    require_new(new, suffixes=(".keras", ".h5"), models=[source.path], overwrite=overwrite)
    loaded = open_source(source, verify=True)
    if new.suffix == ".h5" and not h5_can_hold(loaded.model):
        raise ModelError(
            f"cannot write {new}: the model has operations that HDF5 files cannot hold; choose a "
            "name that ends in .keras"
        )
    note = compile_like(loaded.model, loaded.compile_config)
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write {new}: {error.strerror or error}") from error
    size = save_verified(loaded.model, new, _accepted_inputs(loaded))
    return Conversion(
        old=source.path,
        new=new,
        written_by=loaded.written_by,
        num_layers=_count_layers(loaded.model),
        num_params=loaded.model.count_params(),
        size_bytes=size,
        compiled=loaded.model.compiled,
        difference=loaded.difference,
        notes=(*loaded.notes, *(() if note is None else (note,))),
    )


def _accepted_inputs(loaded: LoadedModel) -> object:
    """Random inputs that the model takes, in the structure of its inputs.

    Raises:
        ModelError: If it fails on all.
    """
    structure = input_structure(loaded.model)
    tensors = keras.tree.flatten(structure)
    specs = [(tuple(tensor.shape), str(tensor.dtype)) for tensor in tensors]
    failure: ModelError | None = None
    for as_indices in (False, True):
        arrays = random_inputs(specs, rng=np.random.default_rng(0), as_indices=as_indices)
        inputs = keras.tree.pack_sequence_as(structure, arrays)
        try:
            outputs_of(loaded.model, inputs)
        except ModelError as error:
            failure = failure or error
        else:
            return inputs
    raise ModelError(f"cannot convert {loaded.path}: {failure}") from failure


def _count_layers(model: keras.Model) -> int:
    operations = getattr(model, "operations", model.layers)
    return sum(_count_layers(each) if isinstance(each, keras.Model) else 1 for each in operations)
