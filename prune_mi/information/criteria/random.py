"""Control: gains drawn at random, which say nothing. What cannot beat it is no criterion."""

import numpy as np

from prune_mi.information.criterion import NUM_DRAWS, Criterion, RankingRequest, Scores


def at_random(request: RankingRequest) -> Scores:
    """Uniform in [0, 1); the same seed draws the same gains for as many sites."""
    rng = np.random.default_rng(request.seed)
    drawn = rng.random((len(request.sites), 1 + NUM_DRAWS))
    return Scores.of_weightings(drawn)


CRITERION = Criterion(at_random, measure="score")
