"""Makes trained Keras models smaller: removes layers, branches and channels that add little.

`optimize(model, data=...)` does what the command `prune-mi optimize` does, `search_architecture`
what `prune-mi search` does, and the other functions what the commands of their names do. They take
loaded models and arrays wherever they take paths.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prune_mi.began import BEGAN as BEGAN  # first: the clock of a command
from prune_mi.errors import PruneMIError
from prune_mi.keras_io.runtime.backend import prepare_backend
from prune_mi.records import Check, Evaluation, RunReport, SearchReport

if TYPE_CHECKING:
    from prune_mi.commands.check import check
    from prune_mi.commands.evaluate import evaluate
    from prune_mi.commands.inspect import inspect
    from prune_mi.commands.optimize import optimize
    from prune_mi.commands.pick import pick
    from prune_mi.commands.predict import predict
    from prune_mi.commands.rank import rank
    from prune_mi.commands.recalibrate import recalibrate
    from prune_mi.commands.resume import resume
    from prune_mi.commands.search import search_architecture
    from prune_mi.delivery.optimized import Optimized

__version__ = "0.1.0"
__all__ = [
    "Check",
    "Evaluation",
    "Optimized",
    "PruneMIError",
    "RunReport",
    "SearchReport",
    "__version__",
    "check",
    "evaluate",
    "inspect",
    "optimize",
    "pick",
    "predict",
    "rank",
    "recalibrate",
    "resume",
    "search_architecture",
]
# Imported when they are first asked for, and Keras with them.
_ROOMS = {
    "Optimized": "delivery.optimized",
    "check": "commands.check",
    "evaluate": "commands.evaluate",
    "inspect": "commands.inspect",
    "optimize": "commands.optimize",
    "pick": "commands.pick",
    "predict": "commands.predict",
    "rank": "commands.rank",
    "recalibrate": "commands.recalibrate",
    "resume": "commands.resume",
    "search_architecture": "commands.search",
}

prepare_backend()


def __getattr__(name: str) -> Any:
    """Imports a function, and Keras with it, when it is first asked for."""
    if name in _ROOMS:
        return getattr(import_module(f"prune_mi.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
