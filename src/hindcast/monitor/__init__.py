"""Is the world still the one the model learnt, and is the model still as good?

A reference is learnt from the training rows with the thresholds that its own past calibrates; a drift monitor holds
live windows against it; a performance monitor scores rows as their labels mature; a validation monitor holds live
windows against what was declared. All speak in alerts.
"""

from hindcast.monitor.alerts import Alert, CoolDown
from hindcast.monitor.drift import DriftMonitor, Looks
from hindcast.monitor.performance import DECAY_FLOORS, PerformanceMonitor, ScoreLooks, ScoreReference
from hindcast.monitor.profiles import FLOORS, PREDICTION, REQUESTS, Profile, Reference
from hindcast.monitor.thresholds import Threshold
from hindcast.monitor.validation import ValidationLooks, ValidationMonitor

__all__ = [
    "DECAY_FLOORS",
    "FLOORS",
    "PREDICTION",
    "REQUESTS",
    "Alert",
    "CoolDown",
    "DriftMonitor",
    "Looks",
    "PerformanceMonitor",
    "Profile",
    "Reference",
    "ScoreLooks",
    "ScoreReference",
    "Threshold",
    "ValidationLooks",
    "ValidationMonitor",
]
