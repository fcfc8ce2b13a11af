"""From a target's declaration to a leak-free training set: who was asked when, which answers had matured, and how to
split them by time.

The spine is a pure function of facts; a training set is a spine, read at a moment, beside its features, with a name
that says exactly what is in it.
"""

from hindcast.trainset.maturity import delay_quantiles, label_delays, maturity_of
from hindcast.trainset.spine import Spine, last_known_label, make_spine
from hindcast.trainset.split import Split, rolling_origin, split_at, split_last
from hindcast.trainset.target import Binary, Outcome, outcome
from hindcast.trainset.trainset import TrainingSet

__all__ = [
    "Binary",
    "Outcome",
    "Spine",
    "Split",
    "TrainingSet",
    "delay_quantiles",
    "label_delays",
    "last_known_label",
    "make_spine",
    "maturity_of",
    "outcome",
    "rolling_origin",
    "split_at",
    "split_last",
]
