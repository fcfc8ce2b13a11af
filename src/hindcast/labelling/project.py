"""A labelling project: items, people who label them, and everything that was ever said, in one folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hindcast.clock import Clock
from hindcast.labelling import (
    adjudication,
    answering,
    decisions,
    facts,
    formats,
    intake,
    lineage,
    people,
    progress,
    report,
)
from hindcast.labelling import guideline as guidelines
from hindcast.labelling import timeline as timelines
from hindcast.labelling.book import Book, check_path
from hindcast.labelling.creation import check_format, check_settings, make_project
from hindcast.labelling.log import EventLog
from hindcast.labelling.tasks import Action, Annotator, Item, ItemKind, Role, Task
from hindcast.parameters import switch
from hindcast.values import Duration

if TYPE_CHECKING:
    from hindcast.crowd.answers import Answers
    from hindcast.labelling.adjudication import Dispute
    from hindcast.labelling.decisions import Decision, Labels
    from hindcast.labelling.events import Event
    from hindcast.labelling.guideline import Guideline
    from hindcast.labelling.imported import Imported
    from hindcast.labelling.intake import Added
    from hindcast.labelling.item_state import Judgement
    from hindcast.labelling.lineage import Lineage
    from hindcast.labelling.progress import Progress
    from hindcast.labelling.report import ProjectReport
    from hindcast.labelling.state import Settings
    from hindcast.labelling.timeline import Timeline

__all__ = ["Project"]


class Project:
    """Items to be labelled by people, in a folder that one process writes and any number read.

    Everything that happens is an event in a synced journal, and what the project knows is folded from them: what was
    acknowledged survives ``kill -9`` and a power cut, an answer that is taken back stays in the lineage, and the same
    events are the same project, to the byte. Methods are safe to call from many threads.

    ============  ==========================================================
    project.json  the number of this layout
    journal       the events
    guidelines    every version of the guideline, by digest
    media         images, by digest
    writer.lock   who writes
    ============  ==========================================================

    Use :meth:`create` once, then :meth:`open`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as home:
    ...     with Project.create(Path(home) / "spam", name="spam", classes=["ham", "spam"], overlap=1) as project:
    ...         added = project.add_items([Item("c1", "Check out my channel!"), Item("c2", "Great song")])
    ...         token = project.add_annotator("Ann")
    ...         ann = project.annotator_of(token)
    ...         while task := project.next(ann):
    ...             label = "spam" if "!" in task.item.content else "ham"
    ...             answer = project.answer(ann, task.item.id, label, key=f"ann-{task.item.id}")
    ...         [(one.item, one.label) for one in sorted(project.labels("majority"), key=lambda one: one.item)]
    [('c1', 'spam'), ('c2', 'ham')]
    """

    def __init__(self, book: Book) -> None:
        self._book = book

    # ---- a project's life -------------------------------------------------------------------------------

    @staticmethod
    def create(
        folder: Path | str,
        *,
        name: str,
        classes: Sequence[str],
        kind: ItemKind = "text",
        question: str = "",
        guideline: str = "",
        instructions: str = "",
        overlap: int = 2,
        lease: Duration = "30m",
        gold_every: int = 0,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> Project:
        """A new project, opened for writing.

        Parameters
        ----------
        folder : path
            Must not exist, or be empty. It appears whole or not at all.
        name : str
            For people.
        classes : sequence of str
            At least two, in the order annotators see them (and ordinal agreement measures them).
        kind : {"text", "row", "image"}
            What an item is.
        question, instructions : str
            What is asked of each item, and a line of help.
        guideline : str
            Its first version, Markdown; see :meth:`set_guideline`.
        overlap : int, default 2
            Answers wanted per item, each by another annotator.
        lease : duration, default "30m"
            How long an item is kept for an annotator who was shown it.
        gold_every : int, default 0
            With `n` > 0, one of every `n` tasks is a control item while there are any; else they come among the others.
        seed : int, default 0
            Of the annotators' orders.
        clock : Clock, optional
            By default the machine's.
        """
        place = check_path(folder, "folder")
        settings = check_settings(name, classes, kind, question, instructions, overlap, lease, gold_every, seed)
        make_project(place, settings, guideline, clock)
        return Project.open(place, clock=clock)

    @staticmethod
    def open(folder: Path | str, *, clock: Clock | None = None, writing: bool = True) -> Project:
        """An existing project.

        Parameters
        ----------
        folder : path
        clock : Clock, optional
            By default the machine's.
        writing : bool, default True
            One process at a time may write. ``False`` reads beside it; see :meth:`refresh`.

        Raises
        ------
        StateError
            When there is none, it is of a newer format, damaged, or written by another process.
        """
        place = check_path(folder, "folder")
        switch("writing", writing)
        check_format(place)
        return Project(Book(place, EventLog(place, clock=clock, writing=writing)))

    def close(self) -> None:
        """Let the next process write; a second call does nothing."""
        with self._book.lock:
            self._book.log.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def refresh(self) -> int:
        """As a reader, take in what was written since; how many events are new."""
        with self._book.lock:
            return self._book.log.refresh()

    @property
    def folder(self) -> Path:
        return self._book.folder

    @property
    def settings(self) -> Settings:
        """What the project was made with."""
        return self._book.settings

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.settings.classes

    @property
    def kind(self) -> ItemKind:
        return self.settings.kind

    @property
    def question(self) -> str:
        return self.settings.question

    def canonical(self) -> bytes:
        """All that the project knows, in its one written form: the same events give the same bytes."""
        with self._book.lock:
            return self._book.state.canonical()

    # ---- items ------------------------------------------------------------------------------------------

    def add_items(self, items: Iterable[Item] | Any, *, reason: str = "given", priority: float = 0.0) -> Added:
        """Add items; ids that are there already, with the same content, are counted and left alone.

        Parameters
        ----------
        items : iterable of Item, or a data frame, or the path of a CSV, JSON-lines or Parquet file
            See :func:`hindcast.labelling.items_of` for what columns are taken for.
        reason : str
            Why they are to be labelled: ``"given"``, ``"uncertain"``.
        priority : float
            Greater ones are asked first.

        Returns
        -------
        Added
            With the rows that were refused, by number and reason; they are kept in :attr:`refused` too. The others
            are in the project, on disk.
        """
        return intake.add_items(self._book, items, reason, priority)

    @property
    def refused(self) -> tuple[Mapping[str, Any], ...]:
        """All rows that :meth:`add_items` ever refused: row, id, reason, at_us."""
        with self._book.lock:
            return tuple(self._book.state.refused)

    @property
    def items(self) -> tuple[str, ...]:
        """The ids of all items, in the order they came."""
        with self._book.lock:
            return tuple(self._book.state.items)

    def item(self, item_id: str) -> Item:
        """One item; of an image, the path of its copy. UnknownName when there is none."""
        with self._book.lock:
            return self._book.visible(self._book.item(item_id).item)

    def enqueue(self, ids: Iterable[str], *, reason: str, priority: float, answers: int | None = None) -> int:
        """Have items labelled, or looked at again, before others; how many that changed.

        What still wants answers moves up (or down) to `priority`. What is done already goes to the adjudication queue
        as doubtful, with `reason`.

        Parameters
        ----------
        ids : iterable of str
        reason : str
            Such as ``"near the decision boundary"`` or ``"label disagrees with its neighbours"``.
        priority : float
            Greater is earlier; of doubtful items, how doubtful, 0 to 1.
        answers : int, optional
            Ask for this many answers per item in all, if that is more than before.
        """
        return intake.enqueue(self._book, ids, reason, priority, answers)

    # ---- people -----------------------------------------------------------------------------------------

    def add_annotator(
        self, name: str, *, role: Role = "annotator", renew: bool = False, token: str | None = None
    ) -> str:
        """Let somebody in; the token they show. Only its hash is kept: nobody can read it again.

        Somebody who was revoked may be added again. For a lost token, ``renew=True`` makes a new one, and the old
        one is dead. A `token` of the caller's own making, with at least 128 bits of chance in it, makes this count
        once: the same again changes nothing.
        """
        return people.add_annotator(self._book, name, role, renew, token)

    def annotator_of(self, token: str) -> Annotator | None:
        """Whose token that is; None for nobody's."""
        return people.annotator_of(self._book, token)

    def annotators(self) -> tuple[Annotator, ...]:
        """Everybody who ever was let in or imported, in that order."""
        with self._book.lock:
            return tuple(self._book.state.annotators.values())

    def revoke(self, name: Annotator | str) -> None:
        """Make somebody's token dead. Their answers stay; what was kept for them is free."""
        people.revoke(self._book, name)

    # ---- the guideline ----------------------------------------------------------------------------------

    def set_guideline(self, markdown: str) -> int:
        """Make this the guideline from now on; its version. Answers given before keep theirs."""
        return guidelines.set_guideline(self._book, markdown)

    def guideline(self, version: int | None = None) -> Guideline:
        """A version of the guideline, by default the current one."""
        return guidelines.guideline_of(self._book, version)

    # ---- labelling --------------------------------------------------------------------------------------

    def next(self, annotator: Annotator | str, *, besides: Collection[str] = ()) -> Task | None:
        """What to ask an annotator now; the same item again until they answered it. None when nothing is left.

        Who is shown an item has it to themselves, for as long as the project's lease says, also across a crash.
        `besides` are items in hand, whose answers are still to come: another one is given, to have it ready.
        """
        return answering.next_task(self._book, annotator, besides)

    def answer(
        self,
        annotator: Annotator | str,
        item_id: str,
        label: str | None,
        *,
        action: Action = "label",
        comment: str = "",
        seconds: float | None = None,
        key: str,
    ) -> Event:
        """Take an answer in; on disk when this returns.

        An item is open to late answers and to changes of mind: the last answer of an annotator is theirs, the earlier
        ones stay in the lineage. Late answers beyond those asked for are kept too, but do not count.

        Parameters
        ----------
        annotator : Annotator or str
        item_id : str
        label : str or None
            One of the classes; None for a skip. Who is unsure may give a label or not.
        action : {"label", "skip", "unsure"}
            A skip leaves the place to others. Unsure takes a place, and the item goes to the adjudication queue.
        comment : str
        seconds : float, optional
            How long it took.
        key : str
            Made by the caller, once per answer: the same answer sent again counts once.

        Returns
        -------
        Event
            With the key's first answer, if it was sent before.

        Raises
        ------
        UnknownName, ConfigError, DataError
            For an item or label nobody knows, somebody revoked, or a key that was used for something else.
        """
        return answering.answer(self._book, annotator, item_id, label, action, comment, seconds, key)

    def undo(self, annotator: Annotator | str, *, item_id: str | None = None, key: str | None = None) -> str | None:
        """Take an annotator's last standing answer, skip or doubt back; its item, which they are asked again.

        None when there is nothing to take back. What was said stays in the lineage only. With a `key`, the same
        undo sent again takes nothing more back; with an `item_id`, only what was said of that item is taken back.
        """
        return answering.undo(self._book, annotator, key, item_id)

    def reached(self, annotator: Annotator | str) -> tuple[int, int]:
        """Of how many items an annotator has spoken, and how many are left for them if nobody else does anything."""
        return answering.reached(self._book, annotator)

    def history(self, annotator: Annotator | str, n: int = 20) -> list[Judgement]:
        """The last `n` things an annotator said that stand, the latest first."""
        return answering.history(self._book, annotator, n)

    # ---- deciding ---------------------------------------------------------------------------------------

    def disagreements(self) -> list[Dispute]:
        """Items whose annotators gave different labels, the most divided first; decided or not, done or not."""
        return adjudication.disagreements(self._book)

    def adjudication_queue(self) -> list[Dispute]:
        """What waits for an adjudicator, the most urgent first, with reasons.

        Items that nobody need be asked about any more and on which annotators differ, are unsure, or somebody cast
        doubt (:meth:`enqueue`); and items that everybody skipped or answered while answers are missing. What was
        decided is not among them, unless it is doubted since.
        """
        return adjudication.adjudication_queue(self._book)

    def disputed(self) -> int:
        """How many items are in the adjudication queue; cheaper than the queue."""
        return len(adjudication.waiting(self._book))

    def adjudicate(
        self, who: Annotator | str, item_id: str, label: str | None, *, comment: str = "", key: str
    ) -> Event:
        """Decide an item: this label, or with None that it has none. A later decision replaces an earlier one.

        Raises
        ------
        ConfigError
            When `who` is no adjudicator.
        """
        return adjudication.adjudicate(self._book, who, item_id, label, comment, key)

    # ---- reading ----------------------------------------------------------------------------------------

    def progress(self) -> Progress:
        """How far the project is, and who did how much. Cost: O(items and answers)."""
        return progress.progress(self._book)

    def timeline(self) -> Timeline:
        """What was done when, and how agreement went. O(answers), and bootstraps."""
        return timelines.timeline(self._book)

    def answers(self, *, surplus: bool = False, gold: bool = True) -> Answers:
        """What annotators say now, one row per annotator and item, without skips.

        Parameters
        ----------
        surplus : bool, default False
            Also answers beyond those that were asked for.
        gold : bool, default True
            Also those on control items.
        """
        return self._book.answers(surplus=surplus, gold=gold)

    def labels(self, method: str = "adjudicated-else-dawid-skene", *, unfinished: bool = False) -> Labels:
        """The label of each item: as adjudicated, else as inferred from the answers, with what it hangs on.

        Parameters
        ----------
        method : str
            ``"majority"``, ``"weighted"``, ``"dawid-skene"``, ``"one-coin"`` or ``"glad"``, with or without
            ``"adjudicated-else-"`` before it: a decision always goes first, and teaches the method.
        unfinished : bool, default False
            Also items that still want answers, as far as they have any.
        """
        return decisions.labels(self._book, method, unfinished=unfinished)

    def lineage(self, item_id: str) -> Lineage:
        """Everything that happened to an item: who, when, under which guideline, what was undone, who decided."""
        return lineage.lineage(self._book, item_id)

    def report(self, *, seed: int = 0) -> ProjectReport:
        """Progress, agreement with intervals, and how good each annotator is. O(answers x classes), and bootstraps."""
        return report.report(self._book, seed=seed)

    def facts(self, method: str = "dawid-skene") -> list[Decision]:
        """Every label that was ever decided, and every correction, in the order in which they became known.

        See :func:`hindcast.labelling.facts.label_facts`; ``export(path)`` writes them for a table of facts.
        """
        return facts.label_facts(self._book, method)

    # ---- files ------------------------------------------------------------------------------------------

    def export(self, path: Path | str, format: str = "facts", *, method: str = "dawid-skene") -> int:
        """Write the labels to a file, whole or not at all; the number of rows, lines or tasks.

        ============  ===================  ======================================================================
        format        file                 holds
        ============  ===================  ======================================================================
        facts         .parquet .jsonl .csv  labels as facts with their known times, corrections too (:meth:`facts`)
        long          .csv .jsonl          a row per answer, skip, doubt and decision that stands, with the content
        wide          .csv                 a row per item, a column per annotator
        label-studio  .json                tasks with annotations, as Label Studio exports them
        doccano       .jsonl               a line per item with its label
        prodigy       .jsonl               a line per answer, as choices
        ============  ===================  ======================================================================

        Parameters
        ----------
        path : path
        format : str
        method : str
            How labels are made of answers, for ``facts`` and ``doccano``; see :meth:`labels`.
        """
        return formats.export(self._book, path, format, method)

    def import_(self, path: Path | str, format: str, *, annotator: str | None = None) -> Imported:
        """Take in items, answers and decisions from a file of :meth:`export`'s formats; the same file again is nothing.

        Parameters
        ----------
        path : path
        format : str
            Of ``facts`` the last label of each item comes in, as a decision.
        annotator : str, optional
            Whose answers they are where the file does not say.

        Raises
        ------
        DataError
            For the first row that does not fit, by file, row and field. Then nothing was imported.
        """
        return formats.import_(self._book, path, format, annotator)
