"""Weak supervision: rules of thumb that vote, what their votes are worth, and labels with probabilities from them."""

from hindcast.weak.analysis import Analysis, FunctionReport, Pair, analyse
from hindcast.weak.apply import apply
from hindcast.weak.block import Block, Row
from hindcast.weak.clocked import apply_at
from hindcast.weak.collection import FunctionLibrary, FunctionRecord, functions_in
from hindcast.weak.comparison import Candidate, Comparison, Predictions, compare
from hindcast.weak.declared import WeakLabels, WeakReport, weak_labels
from hindcast.weak.end_model import EndModel, FittedEndModel, text_classifier
from hindcast.weak.functions import ABSTAIN, LabellingFunction, labelling_function
from hindcast.weak.label_model import LabelModel
from hindcast.weak.lookups import lookup, sql_lookup
from hindcast.weak.patterns import keyword, regex, threshold
from hindcast.weak.privacy import Clearance, SealedRows
from hindcast.weak.vote import MajorityVote
from hindcast.weak.voters import column_votes, crowd_votes, model_votes
from hindcast.weak.votes import Failure, Votes

__all__ = [
    "ABSTAIN",
    "Analysis",
    "Block",
    "Candidate",
    "Clearance",
    "Comparison",
    "EndModel",
    "Failure",
    "FittedEndModel",
    "FunctionLibrary",
    "FunctionRecord",
    "FunctionReport",
    "LabelModel",
    "LabellingFunction",
    "MajorityVote",
    "Pair",
    "Predictions",
    "Row",
    "SealedRows",
    "Votes",
    "WeakLabels",
    "WeakReport",
    "analyse",
    "apply",
    "apply_at",
    "column_votes",
    "compare",
    "crowd_votes",
    "functions_in",
    "keyword",
    "labelling_function",
    "lookup",
    "model_votes",
    "regex",
    "sql_lookup",
    "text_classifier",
    "threshold",
    "weak_labels",
]
