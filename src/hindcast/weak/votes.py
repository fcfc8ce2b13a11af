"""What labelling functions said of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.crowd.names import codes_of, is_missing, listed_names, table_codes
from hindcast.errors import DataError, UnknownName
from hindcast.values import Bools, Ints

__all__ = ["Failure", "Votes"]

_LARGEST = 32_767
"""Class codes are int16 at most."""


@dataclass(frozen=True)
class Failure:
    """Why functions gave no answer: the first row on which one failed, and on how many it did.

    Attributes
    ----------
    function : str
    count : int
        Rows on which it failed; it abstains there, and is asked again the next time.
    row : int
        The first of them, counted from 1.
    error : str
        What it raised or returned there.
    """

    function: str
    count: int
    row: int
    error: str

    def __str__(self) -> str:
        rows = "1 row" if self.count == 1 else f"{self.count} rows"
        return f"labelling function {self.function!r} failed on {rows}, first on row {self.row}: {self.error}"


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes of m functions on n rows, as class codes.

    ``np.asarray(votes)`` is the matrix, so that whatever takes one takes this.

    Attributes
    ----------
    matrix : int8 or int16 array, shape (n, m)
        Codes into `classes`, -1 where a function abstains.
    functions : tuple of str
    classes : tuple
    failures : tuple of Failure
        One per function that failed anywhere.
    computed : mapping of str to int
        On how many rows each function was run; the other votes were known.
    notes : tuple of str
        What to know before relying on them.
    at : int64 array, shape (n,), optional
        The moment by whose knowledge each row was voted on: a label made of these votes is not known before.

    Examples
    --------
    >>> votes = Votes.of([["spam", None], [None, None]], classes=["ham", "spam"], functions=["a", "b"])
    >>> votes.matrix.tolist(), votes.covered.tolist()
    ([[1, -1], [-1, -1]], [True, False])
    """

    matrix: NDArray[Any]
    functions: tuple[str, ...]
    classes: tuple[Any, ...]
    failures: tuple[Failure, ...] = ()
    computed: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    at: Ints | None = None

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.matrix.shape[1] != len(self.functions):
            raise DataError(f"votes of {len(self.functions)} functions came in shape {self.matrix.shape}.")
        if self.at is not None and self.at.shape != (len(self.matrix),):
            raise DataError(f"{len(self.matrix)} rows came with moments of shape {self.at.shape}; give one per row.")
        wrong = (self.matrix < -1) | (self.matrix >= len(self.classes))
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            text = f"a vote is a class code from 0 to {len(self.classes) - 1}, or -1 to abstain"
            raise DataError(text, row=row + 1, column=self.functions[column], value=self.matrix[row, column].item())

    @staticmethod
    def of(matrix: Any, *, classes: Sequence[Any] | None = None, functions: Sequence[str] | None = None) -> Votes:
        """Votes cast elsewhere.

        Parameters
        ----------
        matrix : array of numbers, or rows of labels, shape (n, m); or Answers
            Numbers are codes, -1 or NaN abstaining. Labels (texts, or anything among `classes` where these are no
            codes) are looked up there; None abstains.
        classes : sequence, optional
            By default 0 to the largest code, at least two; of labels the distinct ones, sorted.
        functions : sequence of str, optional
            By default ``lf_0``, ``lf_1``, ...
        """
        if hasattr(matrix, "annotators"):
            functions = tuple(map(str, matrix.annotators)) if functions is None else functions
            classes = classes or matrix.classes or None
            matrix = matrix.matrix()
        try:
            array = np.asarray(matrix) if not isinstance(matrix, list | tuple) else np.array(matrix, dtype=object)
        except ValueError:
            raise DataError("every row of votes has as many places as there are functions.") from None
        if array.dtype.kind == "U":
            array = array.astype(object)
        if array.ndim == 1 and array.size == 0:
            array = array.reshape(0, 0 if functions is None else len(functions))
        if array.ndim != 2:
            raise DataError(f"votes have shape (rows, functions), got {array.shape}.")
        if array.dtype == object:
            if any(isinstance(value, str) for value in array.ravel()):
                codes: NDArray[Any]
                said = array.copy()
                if classes is None or -1 not in classes:
                    said[np.array([[isinstance(v, int) and v == -1 for v in row] for row in array])] = None
                codes, names = table_codes(said, column="class", known=classes)
                classes = names if classes is None else classes
            else:
                codes = np.array([-1 if is_missing(v) else v for v in array.ravel()]).reshape(array.shape)
        else:
            codes = np.where(np.isnan(array), -1, array) if array.dtype.kind == "f" else array
        whole_number = codes.dtype.kind != "f" or (codes == np.floor(codes)) & (np.abs(codes) <= _LARGEST)
        odd = np.broadcast_to(~np.asarray(whole_number), codes.shape)
        if odd.any():
            row, column = np.argwhere(odd)[0].tolist()
            raise DataError(
                "a vote is a whole number", row=row + 1, column=str(column), value=codes[row, column].item()
            )
        whole = codes.astype(np.int64)
        if classes is None and int(whole.max(initial=-1)) > _LARGEST:
            raise DataError(f"a vote is a class code up to {_LARGEST:,}", value=int(whole.max()))
        named = listed_names("classes", range(max(2, int(whole.max(initial=-1)) + 1)) if classes is None else classes)
        made = codes_of(named, column="classes", known=named)[1]
        by = functions if functions is not None else [f"lf_{j}" for j in range(array.shape[1])]
        return Votes(compact_codes(whole, len(made)), tuple(listed_names("functions", by)), made)

    def __len__(self) -> int:
        return len(self.matrix)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.matrix, dtype=dtype, copy=copy)

    @property
    def covered(self) -> Bools:
        """Where at least one function votes, shape (n,)."""
        return np.asarray((self.matrix >= 0).any(axis=1))

    def take(self, places: Any) -> Votes:
        """The rows at `places` (integers, a mask or a slice)."""
        try:
            rows = np.arange(len(self))[places]
        except (IndexError, TypeError, ValueError) as error:
            raise DataError(f"places of {len(self)} rows cannot be {places!r}: {error}.") from None
        rows = np.atleast_1d(rows)
        return replace(self, matrix=self.matrix[rows], at=None if self.at is None else self.at[rows])

    def select(self, functions: Sequence[str]) -> Votes:
        """Only the votes of some functions, in that order."""
        places = []
        for name in listed_names("functions", functions):
            if name not in self.functions:
                raise UnknownName("labelling function", name, self.functions)
            places.append(self.functions.index(name))
        kept = {name: self.computed[name] for name in functions if name in self.computed}
        failures = tuple(failure for failure in self.failures if failure.function in functions)
        return replace(
            self, matrix=self.matrix[:, places], functions=tuple(functions), computed=kept, failures=failures
        )

    def frame(self) -> Frame:
        """The labels voted for, a column per function, null where it abstains; texts unless classes are integers."""
        whole = all(isinstance(c, int) and not isinstance(c, bool) for c in self.classes)
        columns = {}
        for place, name in enumerate(self.functions):
            codes = self.matrix[:, place].astype(np.int64)
            if whole:
                named = np.array([*self.classes, 0], dtype=np.int64)
                columns[name] = Column("integer", named[codes], codes >= 0)
            else:
                words = np.empty(len(self.classes), dtype=object)
                words[:] = [str(c) for c in self.classes]
                columns[name] = Column("text", codes.astype(np.int32), None, words)
        return Frame(columns, len(self))


def compact_codes(codes: NDArray[Any], classes: int) -> NDArray[Any]:
    """Codes in the narrowest integers that hold them, a row's votes side by side."""
    return np.ascontiguousarray(codes, dtype=np.int8 if classes <= 127 else np.int16)
