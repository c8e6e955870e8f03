"""Opens a model, whoever wrote it: Keras 3 first, Keras 2 in a process of its own where it must."""

from dataclasses import dataclass, replace
from pathlib import Path

import keras

from prune_mi.equivalence import relative_difference
from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.files.graph_validation import require_valid_graph
from prune_mi.keras_io.files.model_file import ModelFile, read_model_file
from prune_mi.keras_io.forward.forward_pass import input_structure, outputs_of
from prune_mi.keras_io.loading.keras3 import ImplausibleSizeError, keras3_may_open, open_with_keras3
from prune_mi.keras_io.loading.refusals import refuse_code_and_unknown
from prune_mi.keras_io.model_graph.build import as_sequential
from prune_mi.keras_io.runtime.trust import Trust, apply_trust
from prune_mi.keras_io.saving.compiling import CompileConfig, read_compile_config
from prune_mi.keras_io.upgrade.description import OldModel
from prune_mi.keras_io.upgrade.keras2_process import describe_with_keras2
from prune_mi.keras_io.upgrade.rebuild import rebuild
from prune_mi.keras_io.upgrade.rewriting import computes_the_same

# What outputs of the two Kerases may differ by on the same weights, as a fraction: rounding alone.
_TOLERANCE = 1e-5
_TOLERANCE_OF_OTHER_BACKENDS = 1e-4
_TOLERANCE_OF_HALVES = 1e-2
_MOST_TOLERANCE = 1e-3
_SENSITIVITIES = 4  # in layers behind the inputs there is rounding too


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that was opened.

    Attributes:
        path: The file or folder.
        model: Of Keras 3, not compiled.
        compile_config: What it was compiled with, or None.
        trust: How it was opened; a process that builds it again must be told the same.
        notes: What was decided on the way and the user should know.
        written_by: Version of the Keras that wrote the file, or `unknown`.
        as_it_is: Whether Keras 3 opens the file by itself and alone; else the model was rebuilt
            from what Keras 2 said of it, or had its architecture beside it.
        difference: From the outputs of Keras 2, as a fraction of them; None where it was not asked.
        name: What it is told as in place of the path; see `ModelSource`.
    """

    path: Path
    model: keras.Model
    compile_config: CompileConfig | None
    trust: Trust
    notes: tuple[str, ...]
    written_by: str
    as_it_is: bool
    difference: float | None
    name: str | None = None

    @property
    def told(self) -> str:
        """How reports name it."""
        return self.name or str(self.path)

    @property
    def is_h5(self) -> bool:
        """Whether it came as HDF5, so that the result is wanted as HDF5 too."""
        return self.path.suffix.lower() in (".h5", ".hdf5")


def load_model(
    path: Path,
    *,
    model_json: Path | None = None,
    allow_unsafe: bool = False,
    custom_objects: str | None = None,
    verify: bool = False,
) -> LoadedModel:
    """Opens a model of Keras 3 or Keras 2, without its optimizer's state.

    Args:
        path: A `.keras` or `.h5` file, or a SavedModel folder of Keras 2.
        model_json: JSON of `model.to_json()`, where the file holds weights alone.
        allow_unsafe: Whether code in the file, such as a Lambda layer's, may run.
        custom_objects: A module's name or the path of a `.py` file with the model's own layers.
        verify: Whether to ask Keras 2 about every file that it wrote, also where Keras 3 opens it
            and the two are known to mean the same by all that is in it.

    Raises:
        ModelError: If the file cannot be used; the message says why, and how to mend it.
        ConfigError: If the custom objects cannot be imported.
    """
    trust = Trust(allow_unsafe, custom_objects)
    apply_trust(trust)
    file = read_model_file(path, model_json)
    try:
        refuse_code_and_unknown(file.config, trust)
        require_valid_graph(file.config)
    except ModelError as error:
        raise ModelError(f"cannot open {path}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"cannot open {path}: its architecture is damaged: it has something in it that is not "
            f"of the kind which Keras writes there ({first_line(error)}); save the model again"
        ) from error
    opened = _open(file, trust, verify=verify)
    if not opened.model.weights:
        raise ModelError(f"the model in {path} has no weights; expected a trained model")
    return LoadedModel(
        path=path,
        model=opened.model,
        compile_config=read_compile_config(file.compile_config),
        trust=trust,
        notes=opened.notes,
        written_by=file.writer,
        as_it_is=not opened.rebuilt and file.kind in ("keras", "h5"),
        difference=opened.difference,
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    model: keras.Model
    rebuilt: bool
    difference: float | None = None
    notes: tuple[str, ...] = ()


def _open(file: ModelFile, trust: Trust, *, verify: bool) -> _Opened:
    plain: keras.Model | None = None
    if keras3_may_open(file):
        try:
            plain = open_with_keras3(file, trust)
        except ImplausibleSizeError:
            raise
        except ModelError:
            if not file.from_keras2:
                raise
    known = not file.from_keras2 or (not verify and computes_the_same(file.config))
    if plain is not None and known:
        return _Opened(plain, rebuilt=False)
    old = describe_with_keras2(file, trust)
    if not old.repeatable:
        raise ModelError(
            f"cannot open {file.path}: the old model gives different outputs for the same inputs, "
            "so its conversion cannot be checked. A layer is called with training=True, or draws "
            "random numbers; save the model without that"
        )
    if plain is None:
        return _rebuild(file, old)
    try:
        difference = _difference(plain, old)
    except ModelError:
        difference = float("inf")
    if difference <= _tolerance(plain, old):
        return _Opened(plain, rebuilt=False, difference=difference)
    note = (
        f"Keras {keras.__version__} opens the file directly, but the outputs differ by "
        f"{difference:.1g} (relative), so that model was not used."
    )
    opened = _rebuild(file, old)
    return replace(opened, notes=(note, *opened.notes))


def _rebuild(file: ModelFile, old: OldModel) -> _Opened:
    try:
        model = rebuild(old)
        if file.config.get("class_name") == "Sequential":
            model = as_sequential(model)
        difference = _difference(model, old)
    except ModelError as error:
        raise ModelError(f"cannot open {file.path}: {error}") from error
    if not difference <= _tolerance(model, old):
        raise ModelError(
            f"cannot open {file.path}: rebuilt in Keras {keras.__version__}, its outputs differ "
            f"from those of Keras 2 by {difference:.2g} (relative); expected at most "
            f"{_tolerance(model, old):.0e}. Please report this with the model's architecture"
        )
    equal = "are equal to the old model's"
    far = f"differ from the old model's by {difference:.1g} (relative)"
    note = (
        f"The model was written by Keras {file.writer} and was rebuilt layer by layer in Keras "
        f"{keras.__version__}. On random inputs its outputs {far if difference else equal}."
    )
    return _Opened(model, rebuilt=True, difference=difference, notes=(note,))


def _difference(model: keras.Model, old: OldModel) -> float:
    inputs = keras.tree.pack_sequence_as(input_structure(model), old.reference_inputs)
    return relative_difference(outputs_of(model, inputs), old.reference_outputs)


def _tolerance(model: keras.Model, old: OldModel) -> float:
    """More than 1e-5 where rounding of its own inputs makes that much of a difference."""
    if any(layer.compute_dtype in ("float16", "bfloat16") for layer in model.layers):
        return _TOLERANCE_OF_HALVES
    same = keras.backend.backend() == "tensorflow"
    least = _TOLERANCE if same else _TOLERANCE_OF_OTHER_BACKENDS
    return min(max(least, _SENSITIVITIES * old.sensitivity), _MOST_TOLERANCE)
