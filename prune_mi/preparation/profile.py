"""How a model wants its images, or other inputs: scaling, classes, augmentation, outputs."""

from dataclasses import dataclass

from prune_mi.data import (
    AugmentationPolicy,
    ClassOrder,
    Dataset,
    InputScaling,
    reordered,
)
from prune_mi.graph.interface.packing import Packing
from prune_mi.graph.ir import LayerGraph


@dataclass(frozen=True, slots=True)
class Profile:
    """The original, and how it wants its images.

    Attributes:
        packing: The original model, and what it is packed into: one input, one output with a column
            for each class.
        num_classes: Classes of the judged output, the first columns of the packed one.
        others: Names of the outputs behind it.
        from_logits: Whether the judged output yields logits.
        scaling, augmentation: As given or found out.
        calibration: The augmentation that its batch-norm statistics stem from.
        order: The order that its classes are in; None where it is that of the data.
        needs_statistics: Whether it is right only with batch-norm statistics of these data.
    """

    packing: Packing
    num_classes: int
    others: tuple[str, ...]
    from_logits: bool
    scaling: InputScaling
    augmentation: AugmentationPolicy
    calibration: AugmentationPolicy
    order: ClassOrder | None = None
    needs_statistics: bool = False

    def arranged(self, data: Dataset) -> Dataset:
        """The data that the model was studied on, its classes in the model's order."""
        return data if self.order is None else reordered(data, self.order)

    @property
    def graph(self) -> LayerGraph:
        """The packed graph, which all work is done on."""
        return self.packing.graph
