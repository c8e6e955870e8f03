"""Control: gains drawn at random, which say nothing. What cannot beat it is no criterion."""

import numpy as np

from prune_mi.information.bootstrap import NUM_DRAWS
from prune_mi.information.question import Answer, Question


def at_random(question: Question) -> Answer:
    """Uniform in [0, 1); the same seed draws the same gains for as many units."""
    rng = np.random.default_rng(question.seed)
    drawn = rng.random((len(question.units), 1 + NUM_DRAWS))
    return Answer(drawn[:, 0], drawn[:, 1:])
