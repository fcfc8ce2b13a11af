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
from hindcast.balance.compare import compare_balancing
from hindcast.balance.dynamic import DynamicSampling, SamplingRound, dynamic_sampling
from hindcast.balance.focal import FocalLoss, class_balanced, focal_to_probability
from hindcast.balance.metacost import cost_sampled, decide_by_row, metacost, weight_by_row
from hindcast.balance.phases import Boosting, GoingOn, Gradual, Network, Phases, two_phase
from hindcast.balance.prior import (
    Prior,
    correct_prior,
    corrected_threshold,
    estimate_prior,
    undersampled_probability,
)
from hindcast.balance.random import Oversample, Undersample, oversample, undersample
from hindcast.balance.report import BalanceReport, MethodScores
from hindcast.balance.resampling import Resampled, resample
from hindcast.balance.synthetic import Adasyn, BorderlineSmote, Smote, adasyn, borderline_smote, smote
from hindcast.balance.weights import ClassWeights, CostWeights, class_weights, cost_weights, weight_of_classes

__all__ = [
    "Adasyn",
    "BalanceReport",
    "Boosting",
    "BorderlineSmote",
    "ClassWeights",
    "CostWeights",
    "DynamicSampling",
    "EditedNearestNeighbours",
    "FocalLoss",
    "GoingOn",
    "Gradual",
    "MethodScores",
    "Network",
    "Oversample",
    "Phases",
    "Prior",
    "Resampled",
    "SamplingRound",
    "Smote",
    "SmoteEnn",
    "SmoteTomek",
    "TomekLinks",
    "Undersample",
    "adasyn",
    "borderline_smote",
    "class_balanced",
    "class_weights",
    "compare_balancing",
    "correct_prior",
    "corrected_threshold",
    "cost_sampled",
    "cost_weights",
    "decide_by_row",
    "dynamic_sampling",
    "edited_nearest_neighbours",
    "estimate_prior",
    "focal_to_probability",
    "metacost",
    "oversample",
    "resample",
    "smote",
    "smote_enn",
    "smote_tomek",
    "tomek_links",
    "two_phase",
    "undersample",
    "undersampled_probability",
    "weight_by_row",
    "weight_of_classes",
]
