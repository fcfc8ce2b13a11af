"""Classes that are rare: rows, weights and losses that make a learner see them, and probabilities put right again.

Every method works on rows to learn from and has no way to see others. What it does to the share of a class it does to
the probabilities too, so each has its correction; and beside each stand the data as they are, with the threshold moved.
"""

from hindcast.balance.cleaning import (
    EditedNearestNeighbours,
    SmoteEnn,
    SmoteTomek,
    TomekLinks,
    edited_nearest_neighbours,
    smote_enn,
    smote_tomek,
    tomek_links,
)
from hindcast.balance.focal import FocalLoss, focal_to_probability
from hindcast.balance.prior import (
    Prior,
    correct_prior,
    corrected_threshold,
    estimate_prior,
    undersampled_probability,
)
from hindcast.balance.random import Oversample, Undersample, oversample, undersample
from hindcast.balance.resampling import Resampled, resample
from hindcast.balance.synthetic import Adasyn, BorderlineSmote, Smote, adasyn, borderline_smote, smote
from hindcast.balance.weights import ClassWeights, CostWeights, class_weights, cost_weights, weight_of_classes

__all__ = [
    "Adasyn",
    "BorderlineSmote",
    "ClassWeights",
    "CostWeights",
    "EditedNearestNeighbours",
    "FocalLoss",
    "Oversample",
    "Prior",
    "Resampled",
    "Smote",
    "SmoteEnn",
    "SmoteTomek",
    "TomekLinks",
    "Undersample",
    "adasyn",
    "borderline_smote",
    "class_weights",
    "correct_prior",
    "corrected_threshold",
    "cost_weights",
    "edited_nearest_neighbours",
    "estimate_prior",
    "focal_to_probability",
    "oversample",
    "resample",
    "smote",
    "smote_enn",
    "smote_tomek",
    "tomek_links",
    "undersample",
    "undersampled_probability",
    "weight_of_classes",
]
