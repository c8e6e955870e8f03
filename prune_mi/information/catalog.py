"""Criteria by name: `leave-one-out` is the `CRITERION` of `criteria/leave_one_out.py`."""

from functools import partial
from importlib import import_module

from prune_mi.information.criterion import Criterion
from prune_mi.information.estimator import EstimatorCriterion
from prune_mi.information.information_gain import information_gains


def criterion(name: str) -> Criterion:
    """The criterion of a name that `config.Criterion` lists."""
    module = import_module(f"prune_mi.information.criteria.{name.replace('-', '_')}")
    found: Criterion | EstimatorCriterion = module.CRITERION
    if isinstance(found, Criterion):
        return found
    return Criterion(partial(information_gains, found), measure="bit")
