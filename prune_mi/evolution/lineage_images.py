"""How many images the lineage of a result may see: what equal comparisons with other tools need.

Half of them are for the children of the search, each with its ancestors, and the final training of
the result sees what is left. Without a clock that is the same number on every machine.
"""

import math
from dataclasses import dataclass

from prune_mi.config import OptimizeSettings
from prune_mi.search.candidate import Screened

_SHARE_OF_SEARCH = 0.5


@dataclass(frozen=True, slots=True)
class LineageImages:
    """Bounds trainings.

    Attributes:
        most: Images that a lineage sees at most; None: any number.
        batch: Images of a step: a training sees whole batches.
        final_asked: Whether the length of the final training was asked for.
    """

    most: int | None
    batch: int
    final_asked: bool = False

    def of_child(self, child: Screened, wanted: int) -> int:
        """Images of a child's training in the search, where so many are wanted; 0: none."""
        if self.most is None:
            return wanted
        return self._whole(_SHARE_OF_SEARCH * self.most - child.images_trained, wanted)

    def of_final(self, finalist: Screened, wanted: float) -> float:
        """Images of the final training; `wanted` where there is no bound."""
        if self.most is None:
            return wanted
        return self._whole(
            self.most - finalist.images_trained, wanted if self.final_asked else math.inf
        )

    def of_control(self, wanted: int) -> int:
        """Images of the control."""
        return wanted if self.most is None else self._whole(self.most, wanted)

    def _whole(self, left: float, wanted: float) -> int:
        return max(0, math.floor(min(left, wanted) / self.batch)) * self.batch


def lineage_images(settings: OptimizeSettings) -> LineageImages:
    """The bound of a run."""
    asked = settings.final_epochs is not None
    return LineageImages(settings.images, settings.training.batch_size, asked)


def most_final_images(settings: OptimizeSettings, finalist: Screened, num_train: int) -> float:
    """Images of a final training at most: by its epochs, and by what its lineage may see."""
    return lineage_images(settings).of_final(finalist, settings.most_final_epochs * num_train)
