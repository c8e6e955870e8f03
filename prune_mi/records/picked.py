"""Another point of a run's frontier, written out."""

from dataclasses import dataclass

from prune_mi.records.children import MorphRecord
from prune_mi.records.models import ModelFacts


@dataclass(frozen=True, slots=True)
class Picked:
    """What `prune-mi pick` wrote.

    Attributes:
        run: The run folder.
        name: Of the point.
        file: The model file.
        metric, metric_words: What was kept, by name and in words.
        reference, control: As the run measured them; there may be no control.
        model: The point, measured on the same test images.
        removals: Its whole lineage of morphs, in order.
        images_trained, control_images: Images that it and the control were trained on.
        notes: What the user should know.
    """

    run: str
    name: str
    file: str
    metric: str
    metric_words: str
    reference: ModelFacts
    control: ModelFacts | None
    model: ModelFacts
    removals: tuple[MorphRecord, ...]
    images_trained: int
    control_images: int
    notes: tuple[str, ...]
