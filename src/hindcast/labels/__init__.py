"""Labels from people and from nature: who said what, how far they agree, what is true, and how long the truth takes."""

from hindcast.labels.agreement import Agreement, fleiss_kappa, percent_agreement
from hindcast.labels.answers import Answers, Truth
from hindcast.labels.cohen import cohen_kappa
from hindcast.labels.krippendorff import krippendorff_alpha
from hindcast.labels.truth import TRUTH_METHODS, infer_truth

__all__ = [
    "TRUTH_METHODS",
    "Agreement",
    "Answers",
    "Truth",
    "cohen_kappa",
    "fleiss_kappa",
    "infer_truth",
    "krippendorff_alpha",
    "percent_agreement",
]
