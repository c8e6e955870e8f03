"""`prune-mi rank`: what each unit of a model adds."""

from pathlib import Path
from typing import Annotated, Any

from prune_mi.cli.made_options import opens_models, takes
from prune_mi.cli.options import JsonResult, ModelFile, Quiet, option
from prune_mi.cli.settings import READING, resolve
from prune_mi.cli.told import found_and_told, observed
from prune_mi.config import OptimizeSettings
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.keras_io.files.model_file import read_model_file
from prune_mi.records import ModelSource, Ranking
from prune_mi.report.ranking import plot_ranking, print_ranking, require_plottable


@takes(OptimizeSettings, only=READING | {"criterion", "protect", "seed"})
@opens_models
def rank(
    model: ModelFile,
    given: dict[str, Any],
    opened: dict[str, Any],
    samples: Annotated[
        int | None,
        option(
            "Number of training images to rank on.  \\[default: 100 per class, at least 1000]",
            INPUT,
            min=20,
        ),
    ] = None,
    least: Annotated[
        int,
        option(
            "A number k. The table shows how probable it is that a unit is among the k with "
            "the lowest scores.",
            OUTPUT,
            min=1,
        ),
    ] = 5,
    plot: Annotated[
        Path | None,
        option("Also draw the scores to this file. Its name must end in .svg or .png.", OUTPUT),
    ] = None,
    quiet: Quiet = False,
    json_output: JsonResult = False,
) -> None:
    """Rank the units of a model by what they add to the information about the classes.

    Nothing is trained. The unit with the lowest score is missed least.

    Example: prune-mi rank model.h5 --data cifar10

    Exit codes: 0 done; 2 bad input; 4 the plot cannot be written; 130
    interrupted.
    """
    source = ModelSource(model, **opened)

    def ranked() -> Ranking:
        settings = resolve(OptimizeSettings, given)
        if plot is not None:
            require_plottable(plot)
        read_model_file(model, opened["model_json"])
        with observed(quiet=quiet, json_output=json_output) as observer:
            from prune_mi.commands.rank import rank_model

            found = rank_model(source, settings, samples=samples, least=least, observer=observer)
        if plot is not None:
            plot_ranking(found, plot)
        return found

    found_and_told(ranked, print_ranking, json_output=json_output)
