"""Control: how large the weights are that make a channel (`graph.channels.magnitude`); no image."""

import numpy as np

from prune_mi.graph.channels.magnitude import magnitudes
from prune_mi.information.channels.scores import ChannelRequest


def score(request: ChannelRequest) -> np.ndarray:
    """The mean relative norm of each channel's weights."""
    return magnitudes(request.graph)


def filled_in(scores: np.ndarray, is_known: np.ndarray, request: ChannelRequest) -> np.ndarray:
    """Scores where those that are not known go by magnitude, as large as the known on average."""
    if is_known.all() or not is_known.any():
        return scores
    return np.where(is_known, scores, scores[is_known].mean() * score(request))
