"""Evaluate: gates a model must pass before it may serve, and what its answers hang on.

A gate has three verdicts: pass, fail and unknown; unknown never promotes. Gates compare with the baselines and the
champion, look at calibration and slices, try how answers move when one feature does, and mind time and size. An
expectation of features is a gate that is watched in production too.
"""

from hindcast.evaluate.behaviour import Direction, Invariant, decreasing, increasing, invariant
from hindcast.evaluate.comparison import BeatsBaselines, NotWorseThanChampion, beats_baselines, not_worse_than_champion
from hindcast.evaluate.cost import Latency, Size, latency, measure_latency, size
from hindcast.evaluate.expectation import Expectation, Fresh, Holds, Present, fresh, holds, present
from hindcast.evaluate.gate import Evidence, Gate, judge_all
from hindcast.evaluate.importance import Importance, importance
from hindcast.evaluate.quality import Calibrated, SliceFloor, calibrated, slice_floor

__all__ = [
    "BeatsBaselines",
    "Calibrated",
    "Direction",
    "Evidence",
    "Expectation",
    "Fresh",
    "Gate",
    "Holds",
    "Importance",
    "Invariant",
    "Latency",
    "NotWorseThanChampion",
    "Present",
    "Size",
    "SliceFloor",
    "beats_baselines",
    "calibrated",
    "decreasing",
    "fresh",
    "holds",
    "importance",
    "increasing",
    "invariant",
    "judge_all",
    "latency",
    "measure_latency",
    "not_worse_than_champion",
    "present",
    "size",
    "slice_floor",
]
