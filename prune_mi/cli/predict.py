"""`prune-mi predict`: a model asked what is in some images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from prune_mi.cli.guarded import fail
from prune_mi.cli.made_options import opens_models, takes
from prune_mi.cli.options import JsonResult, option
from prune_mi.cli.told import found_and_told
from prune_mi.config import OptimizeSettings, parse_size
from prune_mi.config.declare import INPUT, OUTPUT
from prune_mi.data.class_order import read_class_list
from prune_mi.data.image_files import list_image_files
from prune_mi.errors import ExitCode
from prune_mi.keras_io.files.model_file import model_sources
from prune_mi.keras_io.runtime.backend import start_backend
from prune_mi.records import Predictions
from prune_mi.report.short_reports import print_predictions


@takes(OptimizeSettings, only={"classes"}, words={"classes": "as in classes.json, else numbers"})
@opens_models
def predict(
    model: Annotated[
        Path,
        typer.Argument(
            help="The model file (.keras or .h5), a SavedModel folder, or a run folder."
        ),
    ],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...",
            help="Images (PNG, JPEG, BMP, GIF, WebP, TIFF), or folders of them.",
        ),
    ],
    given: dict[str, Any],
    opened: dict[str, Any],
    scaling: Annotated[
        str | None,
        option(
            "Input scaling that the model was trained with: none (0..255), unit (0..1), "
            "signed (-1..1), caffe or torch (as in keras.applications).  "
            "\\[default: as in classes.json, else none]",
            INPUT,
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        option("Height and width of the images, if the model takes any size: 64x64.", INPUT),
    ] = None,
    output: Annotated[
        str | None,
        option("For a model with several outputs: the name of the output with the classes.", INPUT),
    ] = None,
    masks: Annotated[
        Path | None,
        option("Folder to write the class of each pixel into, as PNG files.", OUTPUT),
    ] = None,
    json_output: JsonResult = False,
) -> None:
    """Ask a model about images: classes, labels, numbers or pixels.

    The names of the classes come from classes.json beside the model.
    `search` and `optimize` write this file.

    Example: prune-mi predict run/best.keras photo.png

    Exit codes: 0 done; 2 bad input; 5 done, but some images cannot be read
    and are listed; 130 interrupted.
    """

    def predicted() -> Predictions:
        size = None if image_size is None else parse_size(image_size)
        if given["classes"] is not None:
            read_class_list(given["classes"])
        files = list_image_files(images)
        # seconds before Keras is imported, as all before it
        (source,) = model_sources([model], **opened)
        start_backend()
        from prune_mi.commands.predict import predict_images

        return predict_images(
            source,
            files,
            scaling=scaling,
            output=output,
            image_size=size,
            classes=given["classes"],
            masks=masks,
        )

    predictions = found_and_told(predicted, print_predictions, json_output=json_output)
    if predictions.broken:
        count = len(predictions.broken)
        fail(
            f"{count} of {count + len(predictions.images)} images cannot be read: "
            f"{', '.join(predictions.broken)}",
            ExitCode.PARTLY_DONE,
        )
