"""How a model wants its images, or other inputs, and how its answers are judged."""

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
from prune_mi.tasks.head import Head
from prune_mi.tasks.judge import Judge
from prune_mi.training.plan import LossPlan


@dataclass(frozen=True, slots=True)
class Profile:
    """The original, and how it wants its images.

    Attributes:
        packing: The original model, and what it is packed into: one input, one output with a column
            for each class.
        judge: Judges its answers.
        loss: What trainings minimise.
        others: Names of the outputs behind the judged one.
        scaling, augmentation: As given or found out.
        calibration: The augmentation that its batch-norm statistics stem from.
        order: The order that its classes are in; None where it is that of the data.
        needs_statistics: Whether it is right only with batch-norm statistics of these data.
    """

    packing: Packing
    judge: Judge
    loss: LossPlan
    others: tuple[str, ...]
    scaling: InputScaling
    augmentation: AugmentationPolicy
    calibration: AugmentationPolicy
    order: ClassOrder | None = None
    needs_statistics: bool = False

    def arranged(self, data: Dataset) -> Dataset:
        """The data that the model was studied on, its classes in the model's order."""
        return data if self.order is None else reordered(data, self.order)

    @property
    def head(self) -> Head:
        """The judged output."""
        return self.judge.head

    @property
    def graph(self) -> LayerGraph:
        """The packed graph, which all work is done on."""
        return self.packing.graph
