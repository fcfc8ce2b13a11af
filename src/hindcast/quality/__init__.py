"""Whether data is fit to learn from: wrong labels, duplicates, outliers, gaps, leaks; the report before a project."""

from hindcast.quality.confident import LabelErrors, find_label_errors
from hindcast.quality.conflicts import Conflicts, label_conflicts
from hindcast.quality.duplicates import Duplicates, duplicate_rows, duplicate_texts, normalised, shared_between
from hindcast.quality.held_out import HeldOut, held_out_probabilities
from hindcast.quality.label_drift import LabelDrift, find_label_drift
from hindcast.quality.minhash import jaccard, near_duplicate_texts
from hindcast.quality.missing import Deletion, MissingColumn, deletion_cost, diagnose_missing
from hindcast.quality.outliers import find_outliers
from hindcast.quality.scope import Scope, scope
from hindcast.quality.suspects import Queue, Suspects

__all__ = [
    "Conflicts",
    "Deletion",
    "Duplicates",
    "HeldOut",
    "LabelDrift",
    "LabelErrors",
    "MissingColumn",
    "Queue",
    "Scope",
    "Suspects",
    "deletion_cost",
    "diagnose_missing",
    "duplicate_rows",
    "duplicate_texts",
    "find_label_errors",
    "held_out_probabilities",
    "jaccard",
    "label_conflicts",
    "find_label_drift",
    "near_duplicate_texts",
    "normalised",
    "find_outliers",
    "scope",
    "shared_between",
]
