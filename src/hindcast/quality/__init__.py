"""Whether data is fit to learn from: wrong labels, duplicates, outliers, gaps, leaks; the report before a project."""

from hindcast.quality.confident import LabelErrors, find_label_errors
from hindcast.quality.duplicates import Duplicates, duplicate_rows, duplicate_texts, normalised, shared_between
from hindcast.quality.held_out import HeldOut, held_out_probabilities
from hindcast.quality.minhash import jaccard, near_duplicate_texts
from hindcast.quality.missing import Deletion, MissingColumn, deletion_cost, diagnose_missing
from hindcast.quality.scope import Scope, scope
from hindcast.quality.suspects import Queue, Suspects

__all__ = [
    "Deletion",
    "MissingColumn",
    "Scope",
    "deletion_cost",
    "diagnose_missing",
    "scope",
    "Duplicates",
    "HeldOut",
    "LabelErrors",
    "Queue",
    "Suspects",
    "duplicate_rows",
    "duplicate_texts",
    "find_label_errors",
    "held_out_probabilities",
    "jaccard",
    "near_duplicate_texts",
    "normalised",
    "shared_between",
]
