"""Labels from nature: outcomes within a horizon, clicks, how long the truth takes, and what not waiting costs."""

from hindcast.labels.attribution import Attribution, attribute
from hindcast.labels.delay import DelayCurve, delay_curve, delay_curves, spine_delay_curve
from hindcast.labels.delayed import fake_negative_weights, known_weights, undelayed_probability
from hindcast.labels.horizon import HorizonCost, horizon_costs
from hindcast.labels.horizon_accuracy import HorizonAccuracy, horizon_accuracy
from hindcast.labels.implicit import ImplicitLabels, click_labels, examination, position_weights
from hindcast.labels.negatives import Negatives, sample_negatives

__all__ = [
    "Attribution",
    "DelayCurve",
    "HorizonAccuracy",
    "HorizonCost",
    "ImplicitLabels",
    "Negatives",
    "attribute",
    "click_labels",
    "delay_curve",
    "delay_curves",
    "examination",
    "fake_negative_weights",
    "horizon_accuracy",
    "horizon_costs",
    "known_weights",
    "position_weights",
    "sample_negatives",
    "spine_delay_curve",
    "undelayed_probability",
]
