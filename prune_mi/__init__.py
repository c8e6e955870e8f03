"""Takes the layers out of a trained Keras model that add no information about the classes.

`optimize(model, data=...)` does what the command `prune-mi optimize` does, and
`search_architecture(data=...)` what `prune-mi search` does.
"""

from typing import TYPE_CHECKING, Any

from prune_mi.began import BEGAN as BEGAN  # first: the clock of a command
from prune_mi.errors import PruneMIError
from prune_mi.keras_io.runtime import prepare_backend
from prune_mi.records import RunReport, SearchReport

if TYPE_CHECKING:
    from prune_mi.architecture import search_architecture
    from prune_mi.pipeline import optimize

__version__ = "0.1.0"
__all__ = [
    "PruneMIError",
    "RunReport",
    "SearchReport",
    "__version__",
    "optimize",
    "search_architecture",
]

prepare_backend()


def __getattr__(name: str) -> Any:
    """Imports the pipeline, and Keras with it, when it is first asked for."""
    if name == "optimize":
        from prune_mi.pipeline import optimize

        return optimize
    if name == "search_architecture":
        from prune_mi.architecture import search_architecture

        return search_architecture
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
