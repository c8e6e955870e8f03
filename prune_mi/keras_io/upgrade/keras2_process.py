"""Asks Keras 2, in a process of its own, to describe a model that Keras 3 does not open."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prune_mi.errors import ModelError, first_line
from prune_mi.keras_io.files.model_file import ModelFile
from prune_mi.keras_io.runtime.trust import Trust
from prune_mi.keras_io.upgrade.description import OldModel, read_description

_SEED = 0
_MOST_S = 1800  # the largest models take a minute; nobody waits for a process that hangs
# These decide which Keras a process gets, and must not reach this one.
_SCRUBBED = frozenset({"TF_USE_LEGACY_KERAS", "KERAS_BACKEND"})


def describe_with_keras2(file: ModelFile, trust: Trust) -> OldModel:
    """What Keras 2 says of a model, and what the model answers to random inputs.

    Raises:
        ModelError: If Keras 2 cannot open it either, or the process was killed or never ends.
    """
    with tempfile.TemporaryDirectory(prefix="prune-mi-") as name:
        folder = Path(name)
        write_request(file, trust, folder)
        # -P: a file in the current folder must not pass for a library.
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "prune_mi.keras2", str(folder)],
                env=_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                check=False,
                timeout=_MOST_S,
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(
                f"cannot open {file.path} with Keras 2: its process did not answer within "
                f"{_MOST_S / 60:.0f} minutes and was ended. Unless the machine is busy, the file "
                "is damaged or the model is too large; save the model with Keras 3"
            ) from error
        if done.returncode == 0:
            return read_description(folder)
        raise ModelError(f"cannot open {file.path} with Keras 2: {_reason(folder, done)}")


def write_request(file: ModelFile, trust: Trust, folder: Path) -> None:
    """Writes what `prune_mi.keras2` is asked into the folder that it will answer in."""
    request = {
        "kind": file.kind,
        "path": str(file.path.resolve()),
        "config": json.dumps(file.config) if file.kind in ("weights", "saved_model") else None,
        "custom_objects": trust.custom_objects,
        "allow_unsafe": trust.allow_unsafe,
        "most_weights": file.most_weights,
        "seed": _SEED,
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in inherited.items() if key not in _SCRUBBED}
    own = str(Path(__file__).resolve().parents[3])  # prune_mi may be there and not installed
    kept["CUDA_VISIBLE_DEVICES"] = "-1"  # this process has the GPU's memory; see outputs_of too
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [own, inherited.get("PYTHONPATH")]))
    return kept


def _reason(folder: Path, done: "subprocess.CompletedProcess[str]") -> str:
    try:
        answer: dict[str, Any] = json.loads((folder / "error.json").read_text(encoding="utf-8"))
        return str(answer["message"])
    except (OSError, ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return (
            f"its process ended with code {done.returncode} ({first_line(OSError(last))}); most "
            "likely memory ran out, or tf-keras is not installed"
        )
