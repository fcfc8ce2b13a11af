"""One labelling function on some rows: the votes as codes, and what went wrong where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.crowd.names import is_missing
from hindcast.errors import DataError
from hindcast.weak.block import Block
from hindcast.weak.functions import LabellingFunction

__all__ = ["Answer", "Wrong", "answer_each", "answer_whole"]


@dataclass
class Wrong:
    """A row without an answer: its place among the rows asked, what happened, and the values that were seen."""

    place: int
    error: str
    seen: dict[str, Any]
    cause: BaseException | None = None


@dataclass
class Answer:
    """What a function said of the first rows it was asked: all, unless it was stopped.

    Attributes
    ----------
    labels : dict of label to code
    codes : int16 array
        -1 where it abstains or failed.
    wrong : list of Wrong
    """

    labels: dict[Any, int] = field(default_factory=dict)
    codes: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    wrong: list[Wrong] = field(default_factory=list)


class _NoLabel(Exception):
    """What a function returned is no label; the text says why."""


class _Coder(dict[Any, int]):
    """From what functions return to codes; what was never returned before is looked at once."""

    def __init__(self, classes: Sequence[Any] | None) -> None:
        super().__init__({None: -1})
        self.known = None if classes is None else set(classes)
        self.labels: dict[Any, int] = {}

    def __missing__(self, given: Any) -> int:
        label = given.item() if isinstance(given, np.generic) else given
        if is_missing(label):
            return -1
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        if self.known is not None and label in self.known:
            code = self.labels.setdefault(label, len(self.labels))
        elif isinstance(label, int) and label == -1:
            code = -1
        elif not isinstance(label, str | int):
            raise _NoLabel(f"it returned {label!r}, of type {type(label).__name__}; a label is a text, an integer or a "
                           "boolean, and None abstains")  # fmt: skip
        elif self.known is not None:
            names = sorted(map(str, self.known))
            close = get_close_matches(str(label), names, n=3)
            hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise _NoLabel(f"it returned {label!r}, which is no class.{hint} Classes: {', '.join(names)}")
        else:
            code = self.labels.setdefault(label, len(self.labels))
        self[given] = code
        return code


def answer_each(
    function: LabellingFunction, block: Block, classes: Sequence[Any] | None, first_only: bool, into: list[Answer]
) -> None:
    """Ask a function row by row; append its answer to `into`, also the part that is there when it is interrupted."""
    call = function.each
    assert call is not None
    columns = [block.rows()] if function.inputs is None else [block.values(name) for name in function.inputs]
    calls = map(call, *columns)  # type: ignore[arg-type]
    given: list[Any] = []
    wrong: list[Wrong] = []
    try:
        while True:
            try:
                given.extend(calls)  # keeps what came before an error, and `calls` goes on behind it
                break
            except Exception as error:
                place = len(given)
                wrong.append(Wrong(place, f"{type(error).__name__}: {error}", _seen(function, block, place), error))
                given.append(None)
                if first_only:
                    break
    finally:
        into.append(_coded(function, block, given, wrong, classes, first_only))


def answer_whole(
    function: LabellingFunction, block: Block, classes: Sequence[Any] | None, first_only: bool, into: list[Answer]
) -> None:
    """Ask a function for a whole block; where that fails, row by row, so that the row is known."""
    try:
        into.append(_recoded(*function.answer(block), classes))
        return
    except Exception:
        if len(block) == 0:
            raise
    labels: dict[Any, int] = {}
    codes: list[int] = []
    wrong: list[Wrong] = []
    try:
        for place in range(len(block)):
            try:
                one = _recoded(*function.answer(block.part(place, place + 1)), classes)
                name = next(iter(one.labels), None)
                codes.append(-1 if one.codes[0] < 0 else labels.setdefault(name, len(labels)))
            except Exception as error:
                wrong.append(Wrong(place, _said(error), _seen(function, block, place), error))
                codes.append(-1)
                if first_only:
                    break
    finally:
        into.append(Answer(labels, np.array(codes, dtype=np.int16), wrong))


def _coded(
    function: LabellingFunction,
    block: Block,
    given: list[Any],
    wrong: list[Wrong],
    classes: Sequence[Any] | None,
    first_only: bool,
) -> Answer:
    coder = _Coder(classes)
    try:
        codes = np.fromiter(map(coder.__getitem__, given), np.int16, len(given))
        return Answer(coder.labels, codes, wrong)
    except (_NoLabel, TypeError):
        pass
    codes = np.full(len(given), -1, dtype=np.int16)
    wrong = list(wrong)
    for place, label in enumerate(given):
        try:
            codes[place] = coder[label]
        except (_NoLabel, TypeError) as error:
            said = str(error) if isinstance(error, _NoLabel) else f"it returned {label!r}, which is no label"
            wrong.append(Wrong(place, said, _seen(function, block, place)))
            if first_only:
                codes = codes[: place + 1]
                break
    wrong.sort(key=lambda one: one.place)
    return Answer(coder.labels, codes, wrong[:1] if first_only else wrong)


def _recoded(labels: Sequence[Any], codes: NDArray[np.int16], classes: Sequence[Any] | None) -> Answer:
    """The answer of a whole block, with labels checked as those of single rows are."""
    coder = _Coder(classes)
    used = np.unique(codes[codes >= 0]).tolist()
    recode = np.full(len(labels) + 1, -1, dtype=np.int16)
    for code in used:
        recode[code] = coder[labels[code]]
    return Answer(coder.labels, recode[codes])


def _seen(function: LabellingFunction, block: Block, place: int) -> dict[str, Any]:
    names = block.names if function.inputs is None else function.inputs
    return {name: block.values(name)[place] for name in names}


def _said(error: BaseException) -> str:
    """What an error says, without the place that a single row has in a block of one."""
    if isinstance(error, DataError):
        return str(error).rsplit(" (row ", 1)[0]
    return str(error) if isinstance(error, _NoLabel) else f"{type(error).__name__}: {error}"


def failure_of(function: str, wrong: Wrong, row: int, blind: bool) -> DataError:
    """The error that names function, row and value; with `blind` the value and what was said of it are left out."""
    mend = "Mend it, or pass on_error='abstain' to count such rows and go on"
    if blind:
        return DataError(f"labelling function {function!r} failed. {mend}; what it saw is not shown", row=row + 1)
    columns: Mapping[str, Any] = wrong.seen
    column = next(iter(columns)) if len(columns) == 1 else None
    value: Any = columns[column] if column is not None else columns
    shown = value if not isinstance(value, str) or len(value) <= 200 else value[:200] + "..."
    return DataError(
        f"labelling function {function!r} failed: {wrong.error}. {mend}", row=row + 1, column=column, value=shown
    )
