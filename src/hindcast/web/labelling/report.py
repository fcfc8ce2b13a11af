"""The report on a project as plain JSON: how far it is, how people agree, what stands out, which labels came of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hindcast.crowd.agreement import Agreement, percent_agreement
from hindcast.crowd.annotators import annotator_report
from hindcast.crowd.answers import Answers
from hindcast.crowd.krippendorff import krippendorff_alpha
from hindcast.errors import HindcastError
from hindcast.labelling.progress import Progress
from hindcast.labelling.project import Project
from hindcast.values import iso

__all__ = ["report_of"]

METHOD = "adjudicated-else-majority"


def report_of(project: Project) -> dict[str, Any]:
    """What the page shows of a project: progress, agreement with intervals, people, classes, notes.

    What cannot be known yet is null, and `notes` say what to mind. Cost: O(answers x classes), and for the intervals
    some 500 draws; three CPU seconds per 10^5 answers.
    """
    done = project.progress()
    everything = project.answers()
    answers = project.answers(gold=False) if done.control_items else everything
    notes: list[str] = []
    agreement = [_measured(measure, answers, notes) for measure in (krippendorff_alpha, percent_agreement)]
    said = Counter(answers.classes[code] for code in answers.label.tolist())
    given = Counter(one.label for one in project.labels(METHOD))
    return {
        "progress": {
            "items": done.items, "done": done.done, "decided": done.decided, "waiting": done.waiting,
            "answers": done.answers, "wanted": done.wanted, "control_items": done.control_items, "share": done.share,
        },
        "timeline": _timeline(project),
        "agreement": [one for one in agreement if one is not None],
        "classes": [{"label": name, "answers": said[name], "labels": given[name]} for name in project.classes],
        "tied": given[None],
        "people": _people(project, everything, done, notes),
        "notes": list(dict.fromkeys(notes)),
    }  # fmt: skip


def _timeline(project: Project) -> dict[str, Any] | None:
    found = project.timeline()
    if not found.at_us:
        return None
    return {
        "from": iso(found.at_us[0]),
        "to": iso(found.at_us[-1]),
        "answers": found.answers,
        "done": found.done,
        "stretches": [
            {
                "from": iso(one.from_us), "to": iso(one.to_us), "items": one.items, "value": one.value, "low": one.low,
                "high": one.high,
            }
            for one in found.stretches
        ],
    }  # fmt: skip


def _measured(measure: Any, answers: Any, notes: list[str]) -> dict[str, Any] | None:
    try:
        found: Agreement = measure(answers)
    except HindcastError as error:
        notes.append(str(error))
        return None
    notes.extend(found.notes)
    return {
        "measure": found.measure,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "items": found.items,
    }


def _people(project: Project, answers: Answers, done: Progress, notes: list[str]) -> list[dict[str, Any]]:
    """Everybody, with how often they are right by the others' answers and the known ones, where that can be told."""
    judged: dict[str, dict[str, Any]] = {}
    try:
        report = annotator_report(answers)
        judged = {row["annotator"]: row for row in report.rows()}
        notes.extend(report.notes)
        notes.extend(map(str, report.copying))
    except HindcastError as error:
        notes.append(str(error))
    people = done.annotators
    return [
        {
            "name": person.name,
            "role": person.role,
            "active": person.active,
            "labelled": people[person.name].labelled,
            "skipped": people[person.name].skipped,
            "unsure": people[person.name].unsure,
            "seconds": people[person.name].seconds,
            **{
                field: judged.get(person.name, {}).get(field)
                for field in ("accuracy", "accuracy_low", "accuracy_high", "peers", "flags")
            },
        }
        for person in project.annotators()
    ]
