"""Entry point: one request, answered with files or with a reason."""

import json
import logging
import os
import sys
import traceback
import warnings
from pathlib import Path

from prune_mi.errors import PruneMIError, first_line


def main(folder: Path) -> int:
    """Answers FOLDER/request.json; 0 where that worked, 1 where FOLDER/error.json says why not."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    try:
        _answer(request, folder)
        return 0
    except PruneMIError as error:
        message = str(error)
    except Exception as error:  # Keras 2 raises whatever a broken file makes it raise
        traceback.print_exc()
        message = f"{type(error).__name__}: {first_line(error)}"
    (folder / "error.json").write_text(json.dumps({"message": message}), encoding="utf-8")
    return 1


def _answer(request: dict[str, object], folder: Path) -> None:
    # This process is Keras 2's own: what the user's code calls `tf.keras` is that too.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    from prune_mi.keras2 import description, opening

    model = opening.open_model(request, folder)
    described, arrays = description.describe(model)
    described["reference"] = opening.write_outputs(
        model, folder / "reference.npz", seed=int(str(request["seed"]))
    )
    description.write(described, arrays, folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
