"""What annotators said: one row per answer, and what is taken to be true of each item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column
from hindcast.crowd.names import codes_of, is_missing, listed_names, table_codes
from hindcast.errors import ConfigError, DataError
from hindcast.parameters import choice
from hindcast.values import Bools, Floats, Ints

__all__ = ["Answers", "Truth"]

_LARGEST_MATRIX = 200_000_000
_MOST_CODES = 1_000_000


@dataclass(frozen=True, eq=False)
class Answers:
    """Labels that annotators gave to items, as codes; anyone may have answered any part of them.

    Make them with :meth:`of` (one row per answer) or :meth:`of_matrix`.

    Parameters
    ----------
    items, annotators, classes : tuple
        The names the codes stand for. An item nobody answered may be among them.
    item, annotator, label : int64 array, shape (n,)
        Codes into them, one per answer; a label is never missing here.
    at : int64 array, shape (n,), optional
        When each answer was given, microseconds since 1970 UTC.
    seconds : float64 array, shape (n,), optional
        How long it took; NaN where not known.
    guideline : int64 array, shape (n,), optional
        The version of the guideline it was given under.
    missing : int
        Answers without a label that were left out ("I do not know").
    superseded : int
        Answers left out because the same annotator answered the same item again.

    Examples
    --------
    >>> answers = Answers.of(["a", "a", "b", "b"], ["Ann", "Bo", "Ann", "Bo"], ["ham", "spam", "ham", None])
    >>> len(answers), answers.classes, answers.missing
    (3, ('ham', 'spam'), 1)
    >>> answers.matrix()
    array([[ 0,  1],
           [ 0, -1]])
    """

    items: tuple[Any, ...]
    annotators: tuple[Any, ...]
    classes: tuple[Any, ...]
    item: Ints
    annotator: Ints
    label: Ints
    at: Ints | None = None
    seconds: Floats | None = None
    guideline: Ints | None = None
    missing: int = 0
    superseded: int = 0

    def __post_init__(self) -> None:
        n = len(self.label)
        for name in ("item", "annotator", "at", "seconds", "guideline"):
            array = getattr(self, name)
            if array is not None and array.shape != (n,):
                raise DataError(f"{n} answers came with {name} of shape {array.shape}; give one per answer.")
        for name, names in (("item", self.items), ("annotator", self.annotators), ("label", self.classes)):
            codes = getattr(self, name)
            if n and (codes.min() < 0 or codes.max() >= len(names)):
                wrong = (codes < 0) | (codes >= len(names))
                row = int(wrong.argmax())
                raise DataError(
                    f"a code outside 0 to {len(names) - 1}", row=row + 1, column=name, value=int(codes[row])
                )

    @staticmethod
    def of(
        item: Any,
        annotator: Any,
        label: Any,
        *,
        classes: Sequence[Any] | None = None,
        at: Any = None,
        seconds: Any = None,
        guideline: Any = None,
        keep: Literal["last", "all"] = "last",
    ) -> Answers:
        """Answers from one row per answer.

        Parameters
        ----------
        item, annotator, label : sequence, array, or a column of pandas, Polars or Arrow, n values each
            A missing label (None, NaN) is no answer: it is left out and counted. -1 is a class like any other here.
        classes : sequence, optional
            All classes in their order (which matters to ordinal agreement); by default those that occur, sorted.
        at : optional
            Moments, seconds and guideline versions, n values each.
        seconds, guideline : optional
        keep : {"last", "all"}
            Who answers an item twice has changed their mind: the last answer counts (by `at` where given, else by
            row). ``"all"`` keeps each.

        Raises
        ------
        DataError
            For columns of different lengths, a missing item or annotator, or a label outside `classes`.
        """
        choice("keep", keep, ("last", "all"), where="Answers.of")
        items, item_names = codes_of(item, column="item")
        annotators, annotator_names = codes_of(annotator, column="annotator")
        labels, class_names = codes_of(label, column="label", known=classes, missing=True)
        n = len(items)
        extras = {
            "at": None if at is None else _times(at),
            "seconds": None if seconds is None else _floats(seconds, "seconds"),
            "guideline": None if guideline is None else _integers(guideline, "guideline"),
        }
        for name, column in (("annotator", annotators), ("label", labels), *extras.items()):
            if column is not None and len(column) != n:
                raise DataError(f"{n} items came with {len(column)} values of {name}; give one per answer.")
        present = labels >= 0
        answered = Answers(
            item_names,
            annotator_names,
            class_names,
            items[present],
            annotators[present],
            labels[present],
            **{name: None if column is None else column[present] for name, column in extras.items()},  # type: ignore[arg-type]
        )
        missing = n - len(answered)
        counted = answered if keep == "all" else answered.last()
        return replace(counted, missing=missing, superseded=len(answered) - len(counted))

    @staticmethod
    def of_matrix(
        votes: Any,
        classes: Sequence[Any] | None = None,
        *,
        items: Sequence[Any] | None = None,
        annotators: Sequence[Any] | None = None,
    ) -> Answers:
        """Answers from an array of shape (items, annotators) of class codes, -1, NaN or None where there is none.

        Without `classes` the codes themselves are the classes: 0 to the largest. With them a code stands for
        ``classes[code]``. Texts are names of classes, None where there is none.

        Examples
        --------
        >>> Answers.of_matrix([[0, 1], [1, -1]], classes=["no", "yes"]).label.tolist()
        [0, 1, 1]
        >>> Answers.of_matrix([["no", "yes"], ["yes", None]]).label.tolist()
        [0, 1, 1]
        """
        array = _numbers(votes)
        if array.dtype == object and array.ndim == 2:
            array, classes = table_codes(array, column="class", known=classes)
        if array.size == 0 and array.ndim < 2:
            array = array.reshape(0, 0)
        if array.ndim != 2 or array.dtype.kind not in "iufb":
            raise DataError(f"votes are numbers of shape (items, annotators), got {array.dtype} {array.shape}.")
        codes = np.where(np.isnan(array), -1, array) if array.dtype.kind == "f" else array
        whole = codes.astype(np.int64)
        wrong = (whole != codes) | (whole < -1)
        if classes is not None:
            classes = listed_names("classes", classes)
            wrong |= whole >= len(classes)
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            most = "" if classes is None else f" below {len(classes)}"
            raise DataError(
                f"a vote is a class code from 0{most}, or -1 for none",
                row=row + 1,
                column=str(column),
                value=array[row, column].item(),
            )
        k = int(whole.max(initial=-1)) + 1
        if classes is None and k > _MOST_CODES:
            raise DataError(f"a code of {k - 1:,} would make as many classes; take Answers.of for names.")
        names = tuple(range(k)) if classes is None else codes_of(list(classes), column="classes", known=classes)[1]
        for what, given, size in (("items", items, array.shape[0]), ("annotators", annotators, array.shape[1])):
            if given is not None and len(listed_names(what, given)) != size:
                raise DataError(f"{size} {what} came with {len(given)} names.")
        item, annotator = np.nonzero(whole >= 0)
        return Answers(
            tuple(range(array.shape[0])) if items is None else tuple(items),
            tuple(range(array.shape[1])) if annotators is None else tuple(annotators),
            names,
            item.astype(np.int64),
            annotator.astype(np.int64),
            whole[item, annotator],
            missing=int((whole < 0).sum()),
        )

    def __len__(self) -> int:
        return len(self.label)

    def take(self, places: Any) -> Answers:
        """The answers at `places` (integers or a mask), with the same items, annotators and classes."""
        places = np.asarray(places if hasattr(places, "__len__") and len(places) else np.zeros(0, np.int64))
        if places.ndim != 1 or places.dtype.kind not in "iub":
            raise ConfigError(f"take: places are whole numbers or a mask, got {places.dtype} of shape {places.shape}.")
        parts: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[places]
            for name in ("item", "annotator", "label", "at", "seconds", "guideline")
        }
        return replace(self, **parts)

    def matrix(self) -> NDArray[np.int64]:
        """Class codes of shape (items, annotators), -1 where there is no answer; the last answer where there are two.

        Raises
        ------
        DataError
            For more than 2e8 cells: nothing here needs the matrix, and it would not fit.
        """
        cells = len(self.items) * len(self.annotators)
        if cells > _LARGEST_MATRIX:
            raise DataError(f"a matrix of {cells:,} cells is mostly empty; work on the answers themselves.")
        votes = np.full((len(self.items), len(self.annotators)), -1, dtype=np.int64)
        last = self.last()
        votes[last.item, last.annotator] = last.label
        return votes

    def votes(self, weight: Floats | None = None) -> Floats:
        """How many answers name each class, shape (items, classes); with `weight`, shape (n,), the sum of weights."""
        k = len(self.classes)
        if weight is not None and np.shape(weight) != self.label.shape:
            raise ConfigError(f"votes: {len(self)} answers came with weights of shape {np.shape(weight)}.")
        counts = np.bincount(self.item * k + self.label, weights=weight, minlength=len(self.items) * k)
        return counts.reshape(len(self.items), k).astype(np.float64)

    def last(self) -> Answers:
        """Only the last answer of each annotator to each item, in the order they stand."""
        n = len(self)
        key = self.item * max(len(self.annotators), 1) + self.annotator
        ranked = np.sort(key)
        if not (ranked[1:] == ranked[:-1]).any():
            return self
        order = np.lexsort((np.arange(n), key) if self.at is None else (np.arange(n), self.at, key))
        ends = np.ones(n, dtype=np.bool_)
        ends[:-1] = key[order][1:] != key[order][:-1]
        return self.take(np.sort(order[ends]))


@dataclass(frozen=True, eq=False)
class Truth:
    """What is taken to be true of each item, inferred from answers.

    Parameters
    ----------
    items, classes : tuple
    probability : float64 array, shape (items, classes)
        Rows sum to 1: what the method believes, seldom calibrated (annotators are less independent than it supposes).
    label : int64 array, shape (items,)
        Codes of the most probable class; of equal ones the lowest code, unless ties were broken by seed; -1 where
        nobody answered anything and no classes were given.
    method : str
    tied : bool array, shape (items,)
        Where several classes are equally probable.
    annotators : tuple
    confusion : float64 array, shape (annotators, classes, classes), optional
        ``confusion[a, j, l]``: how likely annotator `a` answers `l` where `j` is true.
    prior : float64 array, shape (classes,)
        The share of each class.
    iterations : int
    converged : bool
        True also for methods without iterations.
    notes : tuple of str
        What to know before trusting it.
    objective : tuple of float
        What an iterative method maximises, after each iteration; it never falls.
    ability, difficulty : float64 arrays, optional
        Per annotator and per item, where the method has them; see the method.
    """

    items: tuple[Any, ...]
    classes: tuple[Any, ...]
    probability: Floats
    label: Ints
    method: str
    tied: Bools
    prior: Floats
    annotators: tuple[Any, ...] = ()
    confusion: Floats | None = None
    iterations: int = 0
    converged: bool = True
    notes: tuple[str, ...] = ()
    objective: tuple[float, ...] = field(default=(), repr=False)
    ability: Floats | None = None
    difficulty: Floats | None = None

    def __len__(self) -> int:
        return len(self.items)

    def names(self) -> list[Any]:
        """The class named for each item, in the order of `items`; None where there are no classes at all."""
        return [self.classes[code] if code >= 0 else None for code in self.label.tolist()]

    def as_dict(self) -> dict[Any, Any]:
        """From item to the class named for it."""
        return dict(zip(self.items, self.names(), strict=True))

    @property
    def confidence(self) -> Floats:
        """The probability of the label, shape (items,)."""
        return np.asarray(self.probability.max(axis=1, initial=0.0))


def _numbers(votes: Any) -> NDArray[Any]:
    """Votes as numbers, NaN for none; as objects if texts are among them."""
    try:
        array = np.asarray(votes)
    except ValueError:
        raise DataError("every item needs as many places as there are annotators; put -1 where one is empty.") from None
    if array.dtype.kind not in "OU":
        return array
    cells = [None if is_missing(value) else value for value in np.asarray(votes, dtype=object).ravel()]
    numbers = all(value is None or isinstance(value, int | float | np.number | np.bool_) for value in cells)
    if numbers:
        return np.array([np.nan if value is None else value for value in cells], dtype=np.float64).reshape(array.shape)
    found = np.empty(len(cells), dtype=object)
    found[:] = cells
    return found.reshape(array.shape)


def _times(values: Any) -> Ints:
    column = Column.of(_listed(values))
    if column.kind in ("integer", "time"):
        if column.present().all():
            return column.values.astype(np.int64)
    elif column.kind == "text" and column.present().all():
        return Column.of_kind(column.objects().tolist(), "time").values
    elif not len(column):
        return np.zeros(0, dtype=np.int64)
    if column.kind not in ("integer", "time", "text"):
        raise DataError(
            f"moments are datetimes, ISO texts or int microseconds, got a {column.kind} column (column 'at')"
        )
    row = int((~column.present()).argmax())
    raise DataError("the moment of an answer is missing; leave `at` out if it is not known", row=row + 1, column="at")


def _floats(values: Any, name: str) -> Floats:
    try:
        return Column.of(_listed(values)).as_kind("number").values
    except (DataError, ConfigError) as error:
        raise DataError(f"{name}: {error}") from None


def _integers(values: Any, name: str) -> Ints:
    column = Column.of(_listed(values))
    if not len(column):
        return np.zeros(0, dtype=np.int64)
    try:
        return np.where(column.present(), column.as_kind("integer").values, -1)
    except (DataError, ConfigError) as error:
        raise DataError(f"{name}: {error}") from None


def _listed(values: Any) -> Any:
    """An array where there is one to have: columns of data frames as NumPy."""
    if isinstance(values, np.ndarray | list | tuple):
        return values
    if hasattr(values, "to_numpy"):
        try:
            return values.to_numpy(zero_copy_only=False)
        except TypeError:
            return values.to_numpy()
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise DataError(f"expected one value per answer, got {values!r}.")
    return list(values)
