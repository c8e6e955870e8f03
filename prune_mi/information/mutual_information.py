"""The information a clustered layer output carries about the class."""

import numpy as np
from sklearn.metrics import mutual_info_score


def information_bits(clusters: np.ndarray, labels: np.ndarray) -> float:
    """I(T; Y) of the empirical joint of cluster T and class Y, in bits.

    The estimate is biased upwards by about (K - 1)(C - 1) / (2 N ln 2) for K clusters, C classes
    and N samples (Paninski 2003); the bias cancels in gains, which compare equal K, C and N.

    Args:
        clusters: int `(n,)`.
        labels: int `(n,)`.

    Returns:
        Bits, between 0 and log2(min(K, C)).

    References:
        Cover & Thomas, Elements of Information Theory, section 2.3.
    """
    return float(mutual_info_score(labels, clusters) / np.log(2))
