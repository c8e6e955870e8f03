"""Control: how much the labels' loss goes with a channel's size, to first order.

    loss_c = E |sum over positions of x_c dL/dx_c|

Source: Molchanov et al. (2017), Pruning convolutional neural networks for resource efficient
inference, section 2.2.
"""

from typing import Any

import numpy as np

from prune_mi.information.channels.information import BATCH
from prune_mi.information.channels.magnitude import filled_in
from prune_mi.information.channels.probes import slopes
from prune_mi.information.channels.sampled_loss import loss_plan
from prune_mi.information.channels.scores import ChannelRequest
from prune_mi.tasks.targets import packed_targets
from prune_mi.training.distillation import DistillationLoss


def score(request: ChannelRequest) -> np.ndarray:
    """The mean absolute slope of each channel."""
    judge = request.judge
    plan = loss_plan(judge, request.truth)
    by_labels = DistillationLoss(plan, weight=0.0, temperature=1.0)
    size = judge.head.size

    def loss(wanted: Any, outputs: Any) -> Any:
        return by_labels.call(wanted, outputs if judge.head.is_spatial else outputs[:, :size])

    found = slopes(
        request.graph,
        request.scaling.apply(np.asarray(request.images)),
        packed_targets(judge.task, judge.head, request.truth),
        loss,
        batch=min(BATCH, len(request.images)),
    )
    return filled_in(np.abs(found.by_factor).mean(axis=0), found.is_read, request)
