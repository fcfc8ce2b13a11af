"""What ``hindcast label`` prints of a project: progress, agreement, the queue, labels, lineage."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hindcast.cli.results import print_json
from hindcast.cli.tables import Grid, print_grid
from hindcast.values import iso

if TYPE_CHECKING:
    from hindcast.labelling.project import Project

__all__ = ["print_agreement", "print_labels", "print_lineage", "print_queue", "print_status"]

_WIDEST = 60


def print_status(project: Project, *, as_json: bool) -> None:
    """Print how far a project is."""
    found = project.progress()
    if as_json:
        print_json(asdict(found) | {"name": project.name, "share": found.share})
        return
    rows = [
        [name, f"{one.labelled:,}", f"{one.skipped:,}", f"{one.unsure:,}", _number(one.seconds, "{:.1f} s"),
         "" if one.last_us is None else iso(one.last_us)]
        for name, one in found.annotators.items()
    ]  # fmt: skip
    print(
        f"{project.name}: {found.done:,} of {found.items:,} items done ({found.share:.0%}), {found.wanted:,} answers "
        f"wanted, {found.decided:,} decided, {found.waiting:,} wait for a decision"
    )
    if rows:
        headings = ["Annotator", "Labelled", "Skipped", "Unsure", "One takes", "Last"]
        print_grid(Grid("", headings, rows, left=(0, 5)))


def print_agreement(project: Project, *, as_json: bool) -> None:
    """Print agreement with intervals, then the annotators."""
    found = project.report()
    if as_json:
        people = found.annotators
        print_json(
            {
                "agreement": [
                    {"measure": one.measure, "value": one.value, "low": one.low, "high": one.high, "items": one.items}
                    for one in found.agreement
                ],
                "annotators": [] if people is None else people.rows(),
                "notes": _notes(found),
            }
        )
        return
    rows = [
        [one.measure, _number(one.value, "{:.3f}"), f"{_number(one.low, '{:.3f}')} to {_number(one.high, '{:.3f}')}",
         f"{one.items:,}"]
        for one in found.agreement
    ]  # fmt: skip
    print_grid(Grid("", ["Agreement", "", "95% interval", "Items"], rows))
    if found.annotators is not None:
        print(f"\n{found.annotators.to_text()}")
    for note in _notes(found, people=False):
        print(f"note: {note}")


def print_queue(project: Project, last: int) -> None:
    """Print what waits for an adjudicator."""
    queue = project.adjudication_queue()
    rows = [
        [one.item.id, f"{one.score:.2f}", "; ".join(one.reasons), _short(one.item.content), one.label or ""]
        for one in queue[:last]
    ]
    if rows:
        print_grid(Grid("", ["Item", "Score", "Why", "Content", "Decided"], rows, left=(0, 2, 3, 4)))
    print(f"{len(queue):,} items wait for a decision")


def print_labels(project: Project, method: str, *, unfinished: bool, as_json: bool) -> None:
    """Print the label of each item."""
    found = project.labels(method, unfinished=unfinished)
    if as_json:
        print_json({"labels": [asdict(one) for one in found], "notes": list(found.notes)})
        return
    rows = [
        [
            one.item,
            one.label or "",
            _number(one.probability, "{:.3f}"),
            one.how,
            f"{one.answers:,}",
            iso(one.decided_us),
        ]
        for one in found
    ]
    if rows:
        print_grid(Grid("", ["Item", "Label", "Probability", "How", "Answers", "Since"], rows, left=(0, 1, 3, 5)))
    for note in found.notes:
        print(f"note: {note}")


def print_lineage(project: Project, item: str, *, as_json: bool) -> None:
    """Print everything that happened to an item."""
    found = project.lineage(item)
    if as_json:
        print_json(found.describe())
        return
    rows = []
    for one in found.steps:
        told = [one.action if one.action != "label" else None, one.label, one.comment or None]
        if one.undone_by is not None:
            told.append("(undone)")
        elif one.stands is False:
            told.append("(replaced)")
        elif one.counts is False and one.action != "skip":
            told.append("(beyond those asked for)")
        version = "" if one.guideline is None else str(one.guideline)
        rows.append([one.at, one.what, one.who or "", " ".join(part for part in told if part), version])
    print_grid(Grid("", ["When", "What", "Who", "Said", "Guideline"], rows, left=(0, 1, 2, 3)))


def _notes(found: Any, *, people: bool = True) -> list[str]:
    """What a report's parts say one should know."""
    said = [note for one in found.agreement for note in one.notes]
    if people and found.annotators is not None:
        said += found.annotators.notes
    return list(dict.fromkeys([*said, *found.notes]))


def _number(value: float | None, form: str) -> str:
    return "" if value is None or value != value else form.format(value)  # noqa: PLR0124 - NaN


def _short(content: Any) -> str:
    text = " ".join(str(content).split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
