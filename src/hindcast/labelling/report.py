"""The report on a labelling project: how far it is, how far people agree, how good each of them is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hindcast.errors import DataError
from hindcast.labelling.book import Book
from hindcast.labelling.progress import Progress, progress

if TYPE_CHECKING:
    from hindcast.crowd.agreement import Agreement
    from hindcast.crowd.annotators import AnnotatorReport

__all__ = ["ProjectReport", "report"]


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """How a project is doing.

    Parameters
    ----------
    progress : Progress
    agreement : tuple of Agreement
        Percent agreement, Krippendorff's alpha, and Fleiss' kappa, on ordinary items.
    annotators : AnnotatorReport or None
        By truth inferred from all answers, the control items and decisions being known. None without answers.
    notes : tuple of str
        What could not be measured, and why.
    """

    progress: Progress
    agreement: tuple[Agreement, ...]
    annotators: AnnotatorReport | None
    notes: tuple[str, ...] = ()


def report(book: Book, *, seed: int = 0) -> ProjectReport:
    """See :meth:`hindcast.labelling.Project.report`."""
    from hindcast.crowd.agreement import fleiss_kappa, percent_agreement
    from hindcast.crowd.annotators import annotator_report
    from hindcast.crowd.krippendorff import krippendorff_alpha
    from hindcast.crowd.truth import infer_truth

    with book.lock:
        done = progress(book)
        ordinary, answers = book.answers(gold=False), book.answers()
        known = book.known()
    notes: list[str] = []
    measures: tuple[Callable[..., Agreement], ...] = (percent_agreement, krippendorff_alpha, fleiss_kappa)
    agreement = tuple(
        found for measure in measures if (found := _tried(measure, notes, ordinary, seed=seed)) is not None
    )
    people = None
    if len(answers):
        sure = {item: known[item] for item in answers.items if item in known}
        truth = _tried(infer_truth, notes, answers, "dawid-skene", known=sure)
        people = None if truth is None else _tried(annotator_report, notes, answers, truth)
    else:
        notes.append("nobody has given a label yet.")
    return ProjectReport(done, agreement, people, tuple(notes))


def _tried(measure: Callable[..., Any], notes: list[str], *given: Any, **more: Any) -> Any:
    """What a measure finds, or None with a note of why it cannot."""
    try:
        return measure(*given, **more)
    except DataError as error:
        notes.append(f"{measure.__name__}: {error}")
        return None
