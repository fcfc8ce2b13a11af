"""Labelling functions run over rows: in parallel, with what is known already taken from disk.

The votes depend on functions and rows alone: not on the number of workers, on what was cached, or on where a run was
interrupted before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.clock import stopwatch_s
from hindcast.crowd.names import codes_of, listed_names
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice, path_of, progress_of, whole
from hindcast.values import Ints
from hindcast.weak.answering import Answer, answer_each, answer_whole, failure_of
from hindcast.weak.block import Block, blocks_of
from hindcast.weak.cache import UNDONE, RowSet, VoteCache
from hindcast.weak.functions import LabellingFunction, as_functions
from hindcast.weak.votes import Failure, Votes, compact_codes
from hindcast.weak.workers import can_fork, cores, in_processes, may_fork

__all__ = ["apply"]

Progress = Callable[[int, int], None]

_CHUNK = 2_048
"""Rows that are asked about in one go."""

_WORTH_S = 1.0
"""Processes are worth starting where this much work is left."""

_KEEP_S = 15.0
"""What a killed run may lose of the votes it had."""


def apply(
    functions: Iterable[LabellingFunction | Callable[..., Any]],
    rows: Any,
    *,
    classes: Sequence[Any] | None = None,
    on_error: Literal["raise", "abstain"] = "raise",
    cache: str | Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    blind: bool = False,
) -> Votes:
    """Have functions vote on rows.

    Parameters
    ----------
    functions : iterable
        Labelling functions, or plain named ones.
    rows : Frame, data frame, columns by name, texts, dictionaries, or an iterator of such blocks
        A list of texts, or one column of them, is the column ``text``. An iterator is read block by block, and only
        the votes are kept.
    classes : sequence, optional
        All classes, in the order of their codes. By default those that were voted for or declared, sorted (numbers
        before texts). With them a label that is no class is an error.
    on_error : {"raise", "abstain"}
        What happens where a function raises, or returns what is no label: stop, naming function, row and value; or let
        it abstain, count, and name the first such row in ``votes.failures``.
    cache : path, optional
        A folder in which votes are kept by the function's identity and the row's content, for the columns it reads: an
        edited function is run again alone, and so is a changed row. Functions without an identity are run every time,
        and a note says why. Rows on which a function failed are not kept.
    workers : int, optional
        Processes, forked, on Linux only. By default one per processor once more than about a second of work is left,
        called from the main thread; 1 stays in this process. Functions made with ``parallel=False`` always do.
    progress : callable, optional
        Called with rows done and rows known of.
    blind : bool, default False
        Never show a value: errors name function and row only.

    Returns
    -------
    Votes

    Raises
    ------
    ConfigError, UnknownName
        For functions without names or with equal ones, for a lambda where there is a cache, for a column that is not
        there.
    DataError
        With ``on_error="raise"``, for the first row of the first function that failed in the first chunk that did.
    StateError
        When a worker process dies, or the cache cannot be written.

    Notes
    -----
    A run that is interrupted (Ctrl-C, an error) keeps what was answered; a killed one loses at most the last 15
    seconds. Beyond the calls themselves a row costs some 50 ns per function, and with a cache about 2 us.

    Examples
    --------
    >>> def has_link(text): return "spam" if "http" in text else None
    >>> def is_short(text): return "ham" if len(text) < 10 else None
    >>> votes = apply([has_link, is_short], ["hi", "see http://win.biz now", "http://x"])
    >>> votes.classes, votes.matrix.tolist()
    (('ham', 'spam'), [[-1, 0], [1, -1], [1, 0]])
    """
    made = as_functions(functions)
    choice("on_error", on_error, ("raise", "abstain"))
    workers = None if workers is None else whole("workers", workers, least=1)
    progress = None if progress is None else progress_of(progress)
    named = None if classes is None else listed_names("classes", classes)
    known = None if named is None else codes_of(named, column="classes", known=named)[1]
    store = None if cache is None else VoteCache(path_of("cache", cache))
    if store is not None:
        for function in made:
            if getattr(function.each, "__name__", "") == "<lambda>":
                raise ConfigError(f"{function.where} is a lambda, which has no identity to be cached by; write a def.")
    runs: list[_Run] = []
    done = 0
    for block in blocks_of(rows):
        total = done + len(block)
        told = None if progress is None else _shifted(progress, done, total)
        run = _Run(made, block, known, first_only=on_error == "raise", blind=blind, before=done)
        run.go(store, workers, told)
        runs.append(run.closed())
        done = total
    return _joined(made, runs, known)


class _Run:
    """Functions on one block: its state, which is kept whatever happens."""

    def __init__(
        self,
        functions: tuple[LabellingFunction, ...],
        block: Block,
        classes: tuple[Any, ...] | None,
        *,
        first_only: bool,
        blind: bool,
        before: int,
    ) -> None:
        self.functions, self.block, self.classes = functions, block, classes
        self.first_only, self.blind, self.before = first_only, blind, before
        self.codes = np.full((len(functions), len(block)), UNDONE, dtype=np.int16)
        self.failed: list[list[tuple[int, str]]] = [[] for _ in functions]
        self.labels: list[dict[Any, int]] = [{} for _ in functions]
        self.computed = [0] * len(functions)
        self.notes: list[str] = []
        self._sets: list[RowSet | None] = [None] * len(functions)
        for function in functions:
            for name in function.inputs or ():
                block.column(name, function.where)

    # ---- the whole --------------------------------------------------------------------------------------

    def go(self, store: VoteCache | None, workers: int | None, progress: Progress | None) -> None:
        if store is None:
            todo = [np.arange(len(self.block), dtype=np.int64)] * len(self.functions)
        else:
            self._recall(store)
            todo = [np.flatnonzero(codes == UNDONE) for codes in self.codes]
        alone = [j for j, f in enumerate(self.functions) if len(todo[j]) and not f.parallel]
        shared = [j for j, f in enumerate(self.functions) if len(todo[j]) and f.parallel]
        kept = stopwatch_s()
        try:
            for done in self._steps(alone, shared, todo, workers):
                if progress is not None:
                    progress(done, len(self.block))
                if store is not None and stopwatch_s() - kept > _KEEP_S:
                    self._keep(store)
                    kept = stopwatch_s()
        finally:
            if store is not None:
                self._keep(store)
        if progress is not None:
            progress(len(self.block), len(self.block))

    def _steps(self, alone: list[int], shared: list[int], todo: list[Ints], workers: int | None) -> Iterator[int]:
        """Do everything, chunk by chunk; gives how many rows are about done."""
        chunks = range(0, len(self.block), _CHUNK)
        both = bool(alone) + bool(shared)
        for group in (alone, shared):
            if not group:
                continue
            starts = [s for s in chunks if any(_within(todo[j], s).size for j in group)]
            share = len(self.block) // both if both else 0
            offset = share if group is shared and alone else 0
            able = may_fork() if workers is None else can_fork()
            limit = 1 if group is alone or not able else workers or cores()
            for place, start in enumerate(self._chunks(group, starts, todo, limit, workers)):
                yield offset + min(share, (place + 1) * share // len(starts)) if start >= 0 else offset

    def _chunks(
        self, group: list[int], starts: list[int], todo: list[Ints], limit: int, asked: int | None
    ) -> Iterator[int]:
        began = stopwatch_s()
        for place, start in enumerate(starts):
            rest = starts[place:]
            spent = stopwatch_s() - began
            worth = asked is not None or (place > 0 and spent / place * len(rest) > _WORTH_S)
            if limit > 1 and len(rest) > 1 and worth:
                yield from self._in_processes(group, rest, todo, limit)
                return
            answers: list[Answer] = []
            try:
                self._ask(group, start, todo, answers)
            finally:
                self._take(group, start, todo, answers)
            yield start

    def _in_processes(self, group: list[int], starts: list[int], todo: list[Ints], workers: int) -> Iterator[int]:
        def work(start: int) -> list[Answer]:
            answers: list[Answer] = []
            self._ask(group, start, todo, answers)
            for answer in answers:
                for wrong in answer.wrong:
                    wrong.cause = None  # it may not travel
                    if not self.first_only or self.blind:
                        wrong.seen = {}
            return answers

        for start, answers in in_processes(work, starts, workers):
            self._take(group, start, todo, answers)
            yield start

    # ---- a chunk ----------------------------------------------------------------------------------------

    def _ask(self, group: list[int], start: int, todo: list[Ints], into: list[Answer]) -> None:
        chunk = self.block.part(start, start + _CHUNK)
        for j in group:
            function, rows = self.functions[j], _within(todo[j], start) - start
            asked = chunk.take(rows)
            (answer_each if function.whole is None else answer_whole)(
                function, asked, self.classes, self.first_only, into
            )
            if self.first_only and into[-1].wrong:
                return

    def _take(self, group: list[int], start: int, todo: list[Ints], answers: list[Answer]) -> None:
        """Note what functions said; raise where they failed and that is not to be borne."""
        for j, answer in zip(group, answers, strict=False):
            rows = _within(todo[j], start)[: len(answer.codes)]
            labels = self.labels[j]
            recode = np.array([labels.setdefault(name, len(labels)) for name in answer.labels] + [-1], dtype=np.int16)
            self.codes[j, rows] = recode[answer.codes]
            self.computed[j] += len(rows)
            for wrong in answer.wrong:
                row = int(rows[wrong.place])
                self.codes[j, row] = UNDONE
                if self.first_only:
                    error = failure_of(self.functions[j].name, wrong, self.before + row, self.blind)
                    raise error from (None if self.blind else wrong.cause)
                self.failed[j].append((row, "not shown" if self.blind else wrong.error))

    # ---- the cache --------------------------------------------------------------------------------------

    def _recall(self, store: VoteCache) -> None:
        sets: dict[tuple[str, ...] | None, RowSet | str] = {}
        for j, function in enumerate(self.functions):
            if function.identity is None:
                self.notes.append(f"{function.where} is run every time: {'; '.join(function.unknown)}.")
                continue
            if function.inputs not in sets:
                block = self.block if function.inputs is None else self.block.select(function.inputs)
                try:
                    frame = block.frame()
                    if "list" in frame.kinds.values():
                        raise DataError("a list has no digest")
                    sets[function.inputs] = RowSet(frame)
                except DataError as error:
                    sets[function.inputs] = str(error)
            found = sets[function.inputs]
            if isinstance(found, str):
                self.notes.append(f"{function.where} is run every time: {found}.")
                continue
            self._sets[j] = found
            labels, self.codes[j] = store.read(function.identity, found)
            self.labels[j] = {label: code for code, label in enumerate(labels)}
            self._unsettle(j)

    def _unsettle(self, j: int) -> None:
        """What is kept under labels that are no classes here is asked again, to be refused by name."""
        if self.classes is None:
            return
        foreign = [code for label, code in self.labels[j].items() if label not in self.classes]
        if foreign:
            self.codes[j, np.isin(self.codes[j], foreign)] = UNDONE
            kept = [label for label in self.labels[j] if label in self.classes]
            recode = np.full(len(self.labels[j]) + 2, -1, dtype=np.int16)
            for new, label in enumerate(kept):
                recode[self.labels[j][label]] = new
            recode[-2:] = (UNDONE, -1)
            self.codes[j] = recode[self.codes[j]]
            self.labels[j] = {label: new for new, label in enumerate(kept)}

    def _keep(self, store: VoteCache) -> None:
        for j, function in enumerate(self.functions):
            rows = self._sets[j]
            if rows is not None and function.identity is not None and self.computed[j]:
                store.write(function.identity, rows, tuple(self.labels[j]), self.codes[j])

    def closed(self) -> _Run:
        """Without the rows, which are no longer needed."""
        self.block = Block({}, len(self.block))
        self._sets = []
        return self


def _within(todo: Ints, start: int) -> Ints:
    first, last = np.searchsorted(todo, [start, start + _CHUNK])
    return todo[first:last]


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    def told(done: int, _: int) -> None:
        progress(before + done, total)

    return told


def _joined(functions: tuple[LabellingFunction, ...], runs: list[_Run], known: tuple[Any, ...] | None) -> Votes:
    """The votes of all blocks, under one tuple of classes."""
    if known is None:
        found = {label: None for f in functions for label in f.labels if label != -1}
        found.update((label, None) for run in runs for labels in run.labels for label in labels)
        known = codes_of(list(found), column="classes")[1]
    order = {label: code for code, label in enumerate(known)}
    rows = sum(run.codes.shape[1] for run in runs)
    matrix: NDArray[Any] = compact_codes(np.full((rows, len(functions)), -1), len(known))
    failures: list[Failure] = []
    begin = 0
    for run in runs:
        n = run.codes.shape[1]
        for j, labels in enumerate(run.labels):
            recode = np.array([order[label] for label in labels] + [-1, -1], dtype=matrix.dtype)
            matrix[begin : begin + n, j] = recode[run.codes[j]]
        begin += n
    for j, function in enumerate(functions):
        wrong = [(run.before + row, error) for run in runs for row, error in run.failed[j]]
        if wrong:
            row, error = min(wrong)
            failures.append(Failure(function.name, len(wrong), row + 1, error))
    computed = {f.name: sum(run.computed[j] for run in runs) for j, f in enumerate(functions)}
    notes = tuple(dict.fromkeys(note for run in runs for note in run.notes))
    votes = Votes(matrix, tuple(f.name for f in functions), tuple(known), tuple(failures), computed, notes)
    return replace(votes, notes=(*notes, *(f"{failure}." for failure in failures)))
