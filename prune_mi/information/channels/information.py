"""Information about the answers that is lost where a channel is replaced by its mean.

    loss_c = 1/2 E[ (sum over positions of (m_c - x_c) dL/dx_c)^2 ]

m is the channel's mean, L the loss of answers drawn from the network's own (`sampled_loss`): to
second order this is KL(p || q), in nats, of the answers with and without what the channel tells
beside its mean. All channels of all groups come out of one pass forward and one back. The mean
itself is not lost with a channel, since repair gives it to the bias, or the batch norm, of what
reads it; where that has neither, as recurrent layers have, m is 0. Of a head of attention the slope
is known for whole batches of n, not for each sample, and it is taken away with its mean:
1/2 n E[(sum of O_h dL/dO_h)^2], L being the mean loss of the batch.
That is the same expectation, because answers are drawn for each sample apart, and slopes of answers
drawn from the network's own have mean zero.

The estimate takes channels one by one. That others could stand in for one, as repair lets them, is
left out on purpose: the features that a head reads are nearly dependent on each other one by one,
and not at all once several are gone. (ResNet-8 less 39 % of MACs by the least of these per cost,
refitted, untrained: 0.77 of test images right; discounted by what the others tell linearly: 0.14
to 0.30; the same renewed after each channel: 0.67 to 0.70.) How the groups compare is what screened
children tell, see `search.evidence`.

Source: Theis et al. (2018), Faster gaze prediction with dense networks and Fisher pruning, section
2.1; Molchanov et al. (2019), Importance estimation for neural network pruning, for channels; the
mean in place of zero, and answers drawn in place of labels, are this project's.
"""

import numpy as np

from prune_mi.information.channels.magnitude import filled_in
from prune_mi.information.channels.probes import slopes
from prune_mi.information.channels.sampled_loss import noise, sampled_loss
from prune_mi.information.channels.scores import ChannelRequest

BATCH = 64


def score(request: ChannelRequest) -> np.ndarray:
    """Nats lost with each channel; what nothing reads by a kernel goes by magnitude."""
    images = request.scaling.apply(np.asarray(request.images))
    rng = np.random.default_rng(request.seed)
    batch = min(BATCH, len(images))
    found = slopes(
        request.graph,
        images,
        lambda rows: noise(request.judge, request.truth, batch, rng),
        sampled_loss(request.judge, request.truth),
        batch=batch,
    )
    scores, is_known = 0.5 * np.square(found.by_mean).mean(axis=0), found.is_read
    for name, slopes_of in found.of_heads.items():
        numbers = request.widths.inside[name]
        scores[numbers] = 0.5 * batch * np.square(slopes_of).mean(axis=0)
        is_known[numbers] = True
    return filled_in(scores, is_known, request)
