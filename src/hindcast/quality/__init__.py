"""Whether data is fit to learn from: wrong labels, duplicates, outliers, gaps, leaks; the report before a project."""

from hindcast.quality.confident import LabelErrors, find_label_errors
from hindcast.quality.held_out import HeldOut, held_out_probabilities
from hindcast.quality.suspects import Queue, Suspects

__all__ = [
    "HeldOut",
    "LabelErrors",
    "Queue",
    "Suspects",
    "find_label_errors",
    "held_out_probabilities",
]
