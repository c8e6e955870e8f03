"""Information that a linear reader finds in pooled features, on samples it was not fitted on.

Five probes q(y|x), multinomial logistic regressions, are each fitted on four fifths of the samples
and asked about the last fifth. By the bound of Barber & Agakov (2003),

    I(X; Y) >= H(Y) + E log2 q(Y|X) = E log2 q(Y|X) / p(Y),

which for C equally frequent classes is log2 C less the cross-entropy. It is a mean over samples, so
it can be taken under any weighting of them without another fit, and it has no upward bias.

Wide features are first reduced to 256 principal components, which knows nothing of the labels.

Source: Alain & Bengio (2017), Profile intermediate layers using linear classifier probes;
Chen & Zhao (2018), Shallowing deep networks, remove the layers that such probes gain least across.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from prune_mi.information.estimator import (
    EstimatorCriterion,
    InformationEstimate,
    PointwiseInformation,
    principal_components,
)

_FOLDS = 5
_MOST_DIMENSIONS = 256
_MOST_STEPS = 30
_STRENGTH = 0.1  # inverse of the L2 penalty
_MIXED_IN = 0.01  # of the class frequencies: bounds what one sample can cost


def probe(
    features: np.ndarray, labels: np.ndarray, num_clusters: int, seed: int
) -> InformationEstimate:
    """Of pooled features: standardised, linear probes in five folds, the same for all tensors."""
    points = principal_components(features, _MOST_DIMENSIONS, seed=seed)
    frequency = np.bincount(labels) / len(labels)
    right = np.zeros(len(labels))
    folds = _stratified_folds(labels, seed)
    for fold in np.unique(folds):
        asked = folds == fold
        right[asked] = _held_out(points[~asked], labels[~asked], points[asked], labels[asked])
    prior = frequency[labels]
    return PointwiseInformation(np.log2((1 - _MIXED_IN) * right / prior + _MIXED_IN))


CRITERION = EstimatorCriterion(probe)


def _held_out(
    known: np.ndarray, known_labels: np.ndarray, asked: np.ndarray, asked_labels: np.ndarray
) -> np.ndarray:
    """The probability of each asked sample's class, by a probe that was fitted on the known."""
    classes = np.unique(known_labels)
    if len(classes) < 2:
        return np.isin(asked_labels, classes).astype(np.float64)
    model = LogisticRegression(C=_STRENGTH, max_iter=_MOST_STEPS)
    with warnings.catch_warnings():
        # A probe stopped early is a probe all the same, and held-out samples judge it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probabilities = model.fit(known, known_labels).predict_proba(asked)
    return np.asarray((probabilities * (asked_labels[:, None] == classes)).sum(axis=1))


def _stratified_folds(labels: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each sample, `(n,)`, every class spread evenly over them."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[by_class] = np.arange(len(labels)) % _FOLDS
    return folds
