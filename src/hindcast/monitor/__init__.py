"""Is the world still the one the model learnt, and is the model still as good?

A reference is learnt from the training rows with the thresholds that its own past calibrates; a drift monitor holds
live windows against it; a performance monitor scores rows as their labels mature; a validation monitor holds live
windows against what was declared. All speak in alerts. Besides, features as served are held against features
recomputed: skew.
"""

from hindcast.monitor.alerts import Alert, CoolDown
from hindcast.monitor.drift import DriftMonitor, Looks
from hindcast.monitor.performance import DECAY_FLOORS, PerformanceMonitor, ScoreLooks, ScoreReference
from hindcast.monitor.profiles import FLOORS, PREDICTION, REQUESTS, Profile, Reference
from hindcast.monitor.skew import CAUSES, Difference, Explanation, FeatureSkew, SkewReport, skew
from hindcast.monitor.thresholds import Threshold
from hindcast.monitor.validation import ValidationLooks, ValidationMonitor

__all__ = [
    "CAUSES",
    "DECAY_FLOORS",
    "FLOORS",
    "PREDICTION",
    "REQUESTS",
    "Alert",
    "CoolDown",
    "Difference",
    "DriftMonitor",
    "Explanation",
    "FeatureSkew",
    "Looks",
    "PerformanceMonitor",
    "Profile",
    "Reference",
    "ScoreLooks",
    "ScoreReference",
    "SkewReport",
    "Threshold",
    "ValidationLooks",
    "ValidationMonitor",
    "skew",
]
