"""Control: how much the labels' loss goes with a channel's size, to first order.

    loss_c = E |sum over positions of x_c dL/dx_c|

Source: Molchanov et al. (2017), Pruning convolutional neural networks for resource efficient
inference, section 2.2.
"""

import numpy as np

from prune_mi.information.channels.information import BATCH
from prune_mi.information.channels.magnitude import filled_in
from prune_mi.information.channels.probes import slopes
from prune_mi.information.channels.scores import ChannelRequest
from prune_mi.information.label_loss import label_loss
from prune_mi.tasks.targets import packed_targets


def score(request: ChannelRequest) -> np.ndarray:
    """The mean absolute slope of each channel."""
    judge = request.judge
    found = slopes(
        request.graph,
        request.scaling.apply(np.asarray(request.images)),
        lambda rows: packed_targets(judge.task, judge.head, request.truth[rows]),
        label_loss(judge, request.truth),
        batch=min(BATCH, len(request.images)),
    )
    return filled_in(np.abs(found.by_factor).mean(axis=0), found.is_read, request)
