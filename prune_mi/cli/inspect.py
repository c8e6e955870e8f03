"""`prune-mi inspect`: every layer and unit of a model."""

from typing import Annotated, Any

from prune_mi.cli.made_options import opens_models, takes
from prune_mi.cli.options import JsonResult, ModelFile, option
from prune_mi.cli.told import found_and_told
from prune_mi.config import OptimizeSettings, parse_size
from prune_mi.config.declare import INPUT
from prune_mi.graph.analysis.inspection import Inspection
from prune_mi.keras_io.runtime.backend import start_backend
from prune_mi.records import ModelSource
from prune_mi.report.inspection import inspection_to_dict, print_inspection


@takes(OptimizeSettings, only={"output", "freeze", "protect"})
@opens_models
def inspect(
    model: ModelFile,
    given: dict[str, Any],
    opened: dict[str, Any],
    input_size: Annotated[
        str | None,
        option("Input size to count costs for, if the model takes any size: 224x224.", INPUT),
    ] = None,
    json_output: JsonResult = False,
) -> None:
    """Show every layer of a model: its costs, whether it can be removed, and why not.

    Nothing is trained and no data is needed. With --json, the groups of
    layers whose channels can only change together are printed, too.

    Example: prune-mi inspect model.h5

    Exit codes: 0 done; 2 bad input; 130 interrupted.
    """

    def inspected() -> Inspection:
        start_backend()
        from prune_mi.commands.inspect import inspect_model

        return inspect_model(
            ModelSource(model, **opened),
            input_size=None if input_size is None else parse_size(input_size),
            freeze=given["freeze"] or (),
            protect=given["protect"] or (),
            output=given["output"],
        )

    found_and_told(inspected, print_inspection, json_output=json_output, plain=inspection_to_dict)
