"""Renewal: when to train again, what a training costs in time, and the policies that renewal is measured against."""

from hindcast.adapt.policy import POLICIES, Policy, policy
from hindcast.adapt.retrain import Due, Retraining, retraining
from hindcast.adapt.triggers import (
    Every,
    OnDecay,
    OnDrift,
    OnVolume,
    Signal,
    Trigger,
    TriggerState,
    every,
    on_decay,
    on_drift,
    on_volume,
)

__all__ = [
    "POLICIES",
    "Due",
    "Every",
    "OnDecay",
    "OnDrift",
    "OnVolume",
    "Policy",
    "Retraining",
    "Signal",
    "Trigger",
    "TriggerState",
    "every",
    "on_decay",
    "on_drift",
    "on_volume",
    "policy",
    "retraining",
]
