"""A labelling project: items, guidelines, annotators, answers and decisions, synced and kept for ever."""

from hindcast.labelling.adjudication import Dispute
from hindcast.labelling.decisions import Decision, Labels
from hindcast.labelling.events import Event
from hindcast.labelling.formats import FORMATS
from hindcast.labelling.guideline import Guideline
from hindcast.labelling.imported import Imported
from hindcast.labelling.intake import Added, Refused
from hindcast.labelling.item_state import Judgement
from hindcast.labelling.items import items_of
from hindcast.labelling.lineage import Lineage, Step
from hindcast.labelling.progress import AnnotatorProgress, Progress
from hindcast.labelling.project import Project
from hindcast.labelling.report import ProjectReport
from hindcast.labelling.state import Settings
from hindcast.labelling.tasks import Annotator, Item, Task
from hindcast.labelling.timeline import Stretch, Timeline

__all__ = [
    "FORMATS",
    "Added",
    "Annotator",
    "AnnotatorProgress",
    "Decision",
    "Dispute",
    "Event",
    "Guideline",
    "Imported",
    "Item",
    "Judgement",
    "Labels",
    "Lineage",
    "Progress",
    "Project",
    "ProjectReport",
    "Refused",
    "Settings",
    "Step",
    "Stretch",
    "Task",
    "Timeline",
    "items_of",
]
