"""Labels from people and from nature: who said what, how far they agree, what is true, and how long the truth takes."""

from hindcast.labels.adjudication import Dispute
from hindcast.labels.agreement import Agreement, fleiss_kappa, percent_agreement
from hindcast.labels.annotators import AnnotatorReport, annotator_report
from hindcast.labels.answers import Answers, Truth
from hindcast.labels.attribution import Attribution, attribute
from hindcast.labels.cohen import cohen_kappa
from hindcast.labels.copying import CopyingPair, copying_pairs
from hindcast.labels.decisions import Decision, Labels
from hindcast.labels.delay import DelayCurve, delay_curve, delay_curves, spine_delay_curve
from hindcast.labels.delayed import fake_negative_weights, known_weights, undelayed_probability
from hindcast.labels.events import Event
from hindcast.labels.formats import FORMATS
from hindcast.labels.guideline import Guideline
from hindcast.labels.horizon import HorizonAccuracy, HorizonCost, horizon_accuracy, horizon_costs
from hindcast.labels.implicit import ImplicitLabels, click_labels, examination, position_weights
from hindcast.labels.imported import Imported
from hindcast.labels.intake import Added, Refused
from hindcast.labels.items import items_of
from hindcast.labels.krippendorff import krippendorff_alpha
from hindcast.labels.lineage import Lineage, Step
from hindcast.labels.negatives import Negatives, sample_negatives
from hindcast.labels.progress import AnnotatorProgress, Progress
from hindcast.labels.project import Project
from hindcast.labels.report import ProjectReport
from hindcast.labels.state import Judgement, Settings
from hindcast.labels.tasks import Annotator, Item, Task
from hindcast.labels.truth import TRUTH_METHODS, infer_truth

__all__ = [
    "FORMATS",
    "TRUTH_METHODS",
    "Added",
    "Agreement",
    "Annotator",
    "AnnotatorProgress",
    "AnnotatorReport",
    "Answers",
    "Attribution",
    "CopyingPair",
    "Decision",
    "DelayCurve",
    "Dispute",
    "Event",
    "Guideline",
    "HorizonAccuracy",
    "HorizonCost",
    "ImplicitLabels",
    "Imported",
    "Item",
    "Judgement",
    "Labels",
    "Lineage",
    "Negatives",
    "Progress",
    "Project",
    "ProjectReport",
    "Refused",
    "Settings",
    "Step",
    "Task",
    "Truth",
    "annotator_report",
    "attribute",
    "click_labels",
    "cohen_kappa",
    "copying_pairs",
    "delay_curve",
    "delay_curves",
    "examination",
    "fake_negative_weights",
    "fleiss_kappa",
    "horizon_accuracy",
    "horizon_costs",
    "infer_truth",
    "items_of",
    "known_weights",
    "krippendorff_alpha",
    "percent_agreement",
    "position_weights",
    "sample_negatives",
    "spine_delay_curve",
    "undelayed_probability",
]
