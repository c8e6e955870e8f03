"""Takes the layers out of a trained Keras model that add no information about the classes.

`optimize(model, data=...)` does what the command `prune-mi optimize` does.
"""

from typing import TYPE_CHECKING, Any

from prune_mi.errors import PruneMIError
from prune_mi.keras_io.runtime import prepare_backend
from prune_mi.records import RunReport

if TYPE_CHECKING:
    from prune_mi.pipeline import optimize

__version__ = "0.1.0"
__all__ = ["PruneMIError", "RunReport", "__version__", "optimize"]

prepare_backend()


def __getattr__(name: str) -> Any:
    """Imports the pipeline, and Keras with it, when it is first asked for."""
    if name == "optimize":
        from prune_mi.pipeline import optimize

        return optimize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
