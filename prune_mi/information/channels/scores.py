"""What would be lost with each channel of each width group, by one of several criteria.

A criterion is a function in a file of its own beside this one, which calls it `score`. What it says
is compared between channels of all groups, so it is in one measure for all of them.
"""

from dataclasses import dataclass
from importlib import import_module

import numpy as np

from prune_mi.data import InputScaling
from prune_mi.graph.channels.width_groups import Widths, widths
from prune_mi.graph.ir import LayerGraph
from prune_mi.tasks.judge import Judge


@dataclass(frozen=True, slots=True, eq=False)
class ChannelRequest:
    """What a criterion is asked.

    Attributes:
        graph: The network.
        images: Raw pixels `(n, ...)`.
        truth: In the form of the task, `(n, ...)`.
        scaling: The model's input scaling.
        judge: Judges the network's answers.
        seed: Of everything drawn.
    """

    graph: LayerGraph
    images: np.ndarray
    truth: np.ndarray
    scaling: InputScaling
    judge: Judge
    seed: int

    @property
    def widths(self) -> Widths:
        """The width groups that are scored."""
        return widths(self.graph)


def channel_scores(criterion: str, request: ChannelRequest) -> np.ndarray:
    """What each channel adds; the least is missed least.

    Args:
        criterion: `information`, `taylor`, `magnitude` or `random`.
        request: Of which network.

    Returns:
        float64 `(num_channels,)`, at least 0, in the order of `Widths`.
    """
    module = import_module(f"prune_mi.information.channels.{criterion}")
    found: np.ndarray = module.score(request)
    return found


def by_layer(known: Widths, scores: np.ndarray) -> dict[str, np.ndarray]:
    """Scores by the layers that make channels, one for each output channel; and of heads."""
    return {name: scores[numbers] for name, numbers in known.named.items()}
