"""The information that a clustered layer output carries about the class."""

import numpy as np


def information_bits(joint: np.ndarray) -> np.ndarray:
    """I(T; Y) of joint distributions of cluster T and class Y, in bits.

    Args:
        joint: float `(..., num_clusters, num_classes)`, each summing to 1.

    Returns:
        float64 `(...)`, between 0 and log2(min(num_clusters, num_classes)).

    References:
        Cover & Thomas, Elements of Information Theory, section 2.3.
    """
    apart = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log2(joint / apart), 0.0)
    return np.asarray(terms.sum(axis=(-2, -1)))


def joint_distributions(
    assigned: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, num_classes: int
) -> np.ndarray:
    """The joint of cluster and class under each of some weightings of the samples.

    Args:
        assigned: float `(n, num_clusters)`, the probability of each cluster; rows sum to 1.
        labels: int `(n,)`.
        weights: float `(num_weightings, n)`; rows sum to 1.
        num_classes: Number of classes.

    Returns:
        float64 `(num_weightings, num_clusters, num_classes)`.
    """
    joint = np.zeros((len(weights), assigned.shape[1], num_classes))
    for label in range(num_classes):
        rows = labels == label
        joint[:, :, label] = weights[:, rows] @ assigned[rows]
    return joint
