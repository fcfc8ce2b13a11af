"""Labels of any type as codes, and which rows have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import DataError
from hindcast.semi.items import count
from hindcast.values import Bools, Floats, Ints

__all__ = ["Labelled", "labelled"]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Labels as codes into classes; -1 where a row has none.

    Parameters
    ----------
    codes : int64 array, shape (n,)
    classes : tuple
        Sorted; text, integers or booleans.
    """

    codes: Ints
    classes: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def known(self) -> Bools:
        """Which rows have a label, shape (n,)."""
        return self.codes >= 0

    @property
    def names(self) -> np.ndarray[Any, Any]:
        """The classes as an array, shape (K,), of a type that scikit-learn takes."""
        return np.array(self.classes) if self.classes else np.zeros(0, dtype=np.int64)

    @property
    def prior(self) -> Floats:
        """The share of each class among the labelled rows, shape (K,); uniform where there are none."""
        n = np.bincount(self.codes[self.known], minlength=len(self.classes)).astype(np.float64)
        return n / n.sum() if n.sum() else np.full(len(self.classes), 1.0 / max(1, len(self.classes)))

    def hidden(self, places: Any) -> Labelled:
        """The same labels without those at `places`."""
        codes = self.codes.copy()
        codes[places] = -1
        return Labelled(codes, self.classes)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _missing(label: Any, unlabelled: Any) -> bool:
    if label is None or label is unlabelled:
        return True
    if isinstance(label, float) and label != label:  # noqa: PLR0124
        return True
    return (
        isinstance(label, str) == isinstance(unlabelled, str)
        and not isinstance(label, bool)
        and unlabelled is not None
        and isinstance(unlabelled, str | int | float | np.generic)
        and bool(label == unlabelled)
    )


def labelled(labels: Any, *, unlabelled: Any = -1, classes: Sequence[Any] | None = None) -> Labelled:
    """Labels of any type as codes; rows whose label is `unlabelled`, None or NaN get -1.

    Parameters
    ----------
    labels : sequence, shape (n,)
        Text, integers or booleans; whole floats count as integers.
    unlabelled : default -1
        What stands for "no label"; None when -1 is itself a class.
    classes : sequence, optional
        All classes there are, when some may be without a row. Sorted and without repeats in the result.

    Raises
    ------
    DataError
        For a label that is not of these types, of another type than the first, or not in `classes`.

    Examples
    --------
    >>> y = labelled(["ham", None, "spam", "ham"])
    >>> y.codes.tolist(), y.classes
    ([0, -1, 1, 0], ('ham', 'spam'))
    """
    for name, values in (("labels", labels), ("classes", () if classes is None else classes)):
        single = isinstance(values, str | bytes | Mapping) or len(getattr(values, "shape", (0,))) != 1
        if single or not isinstance(values, Iterable):
            raise DataError(f"{name} are a sequence of shape (n,), got {values!r:.60} ({type(values).__name__}).")
    array = labels if isinstance(labels, np.ndarray) else None
    if array is None and hasattr(labels, "to_numpy"):
        array = labels.to_numpy()
    if array is not None and array.ndim != 1:
        raise DataError(f"labels must have shape (n,), got {array.shape}.")
    items = [_plain(label) for label in (labels if array is None else array.tolist())]
    whole = [
        int(i) if isinstance(i, float) and not isinstance(i, bool) and i == i and i.is_integer() else i  # noqa: PLR0124
        for i in items
    ]
    missing = np.array([_missing(item, unlabelled) for item in whole], dtype=np.bool_)
    known = [item for item, gone in zip(whole, missing, strict=True) if not gone]
    given = None if classes is None else [_plain(c) for c in classes]
    kinds = {bool: "boolean", int: "integer", str: "text"}
    want: str | None = None
    for row, item in enumerate(whole):
        if missing[row]:
            continue
        kind = kinds.get(type(item))
        want = want or kind
        if kind is None or kind != want:
            raise DataError(
                f"labels must be text, integers or booleans, all of one type; rows without a label say {unlabelled!r} "
                "or None",
                row=row + 1,
                value=item,
            )
    try:
        names = tuple(sorted(set(known if given is None else given)))
    except TypeError:
        raise DataError(f"classes are texts, integers or booleans, all of one type, got {given!r:.60}.") from None
    code = {name: place for place, name in enumerate(names)}
    codes = np.full(len(whole), -1, dtype=np.int64)
    for row, item in enumerate(whole):
        if not missing[row]:
            if item not in code:
                raise DataError(f"not one of the classes {list(names)!r:.200}", row=row + 1, value=item)
            codes[row] = code[item]
    return Labelled(codes, names)


def labels_of(items: Any, labels: Any, *, unlabelled: Any = -1, classes: Any = None, what: str) -> Labelled:
    """The labels of `items`; refused where they are not one per item, or where none is known."""
    y, n = labelled(labels, unlabelled=unlabelled, classes=classes), count(items)
    if len(y) != n:
        raise DataError(f"{what}: {n} items came with {len(y)} labels; give one per item, -1 where there is none.")
    if not y.known.any():
        raise DataError(f"{what} needs at least one labelled row; all {n} are without a label.")
    return y
