"""What several people said of the same items: how far they agree, how good each of them is, and what is true."""

from hindcast.crowd.agreement import Agreement, fleiss_kappa, percent_agreement
from hindcast.crowd.annotators import AnnotatorReport, annotator_report
from hindcast.crowd.answers import Answers, Truth
from hindcast.crowd.cohen import cohen_kappa
from hindcast.crowd.copying import CopyingPair, copying_pairs
from hindcast.crowd.krippendorff import krippendorff_alpha
from hindcast.crowd.truth import TRUTH_METHODS, infer_truth

__all__ = [
    "TRUTH_METHODS",
    "Agreement",
    "AnnotatorReport",
    "Answers",
    "CopyingPair",
    "Truth",
    "annotator_report",
    "cohen_kappa",
    "copying_pairs",
    "fleiss_kappa",
    "infer_truth",
    "krippendorff_alpha",
    "percent_agreement",
]
