"""Data: sources, splits, input scaling, augmentation."""

from prune_mi.data.augmentation import NOT_VARIED, AugmentationPolicy
from prune_mi.data.class_order import ClassOrder, other_orders, reordered
from prune_mi.data.dataset import Dataset
from prune_mi.data.fit_to_model import ModelInput, check_against_model, shape_text
from prune_mi.data.handed_over import data_setting
from prune_mi.data.labels import LABEL_FORMS, FormChoice, LabelForm
from prune_mi.data.scaling import (
    COLOUR_KINDS,
    SCALING_KINDS,
    InputScaling,
    candidate_scalings,
    choose_scaling,
    fit_scaling,
    reversed_colours,
)
from prune_mi.data.sources import load_dataset
from prune_mi.data.splits import stratified_sample, stratified_split
from prune_mi.data.strata import strata

__all__ = [
    "COLOUR_KINDS",
    "LABEL_FORMS",
    "NOT_VARIED",
    "SCALING_KINDS",
    "AugmentationPolicy",
    "ClassOrder",
    "Dataset",
    "FormChoice",
    "InputScaling",
    "LabelForm",
    "ModelInput",
    "candidate_scalings",
    "check_against_model",
    "choose_scaling",
    "data_setting",
    "fit_scaling",
    "load_dataset",
    "other_orders",
    "reordered",
    "reversed_colours",
    "shape_text",
    "strata",
    "stratified_sample",
    "stratified_split",
]
