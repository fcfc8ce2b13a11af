"""What kind of question a label column asks, and which other questions could be asked with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.columns import Column
from hindcast.values import Floats, Ints

__all__ = ["Framing", "frame_question"]

Kind = Literal["binary", "multiclass", "regression", "unlabelled"]

MOST_CLASSES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Framing:
    """A question, and its answers as numbers.

    Parameters
    ----------
    kind : {"binary", "multiclass", "regression", "unlabelled"}
    classes : tuple
        Of a classification, the most frequent first; for two classes the rarer is what is looked for.
    counts : tuple of int
        Rows of each class.
    label : float64 array, shape (n,)
        Regression: the value. Classification: the place in `classes`. NaN where there is none.
    why : str
    alternatives : tuple of str
        Other ways to ask, as sentences.
    """

    kind: Kind
    classes: tuple[Any, ...]
    counts: tuple[int, ...]
    label: Floats
    why: str
    alternatives: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        """Rows with a label."""
        return int((~np.isnan(self.label)).sum())

    def question(self, name: str) -> str:
        """What is asked of the column `name`, as one asks it aloud."""
        match self.kind:
            case "binary":
                return f"Will {name} be “{self.classes[1]}”?"
            case "multiclass":
                return f"Which of {len(self.classes)} classes will {name} be?"
            case "regression":
                return f"How much will {name} be?"
        return f"No question yet about {name}"

    def histogram(self, bins: int = 30) -> dict[str, list[float]]:
        """Of an amount: edges and counts between its 1st and 99th percentile; what lies beyond is in the end bins."""
        values = self.label[~np.isnan(self.label)]
        low, high = np.quantile(values, [0.01, 0.99])
        counts, edges = np.histogram(
            np.clip(values, low, high), bins=bins, range=(low, high if high > low else low + 1)
        )
        return {"edges": edges.tolist(), "counts": counts.tolist()}


def frame_question(column: Column, name: str) -> Framing:
    """How the label in `column` is best asked for.

    Two values make a binary question, few values (or texts) a choice among classes, many numbers an amount.

    Examples
    --------
    >>> frame_question(Column.of(["ham", "spam", "ham", None]), "label").kind
    'binary'
    >>> frame_question(Column.of([0.5 * i for i in range(100)]), "price").kind
    'regression'
    """
    present = column.present()
    if column.kind in ("list", "time") or not present.any():
        what = "holds no value" if not present.any() else f"holds {column.kind} values, which are no label"
        return Framing("unlabelled", (), (), np.full(len(column), np.nan), f"{name} {what}")
    codes, values = column.codes()
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    distinct = int((counts > 0).sum())
    numeric = column.kind in ("number", "integer")
    whole = numeric and bool(np.all(column.floats()[present] == np.floor(column.floats()[present])))
    if distinct == 1:
        return Framing("unlabelled", (), (), np.full(len(column), np.nan), f"{name} is the same in every row")
    if numeric and distinct > 2 and (not whole or distinct > 20):
        return _amount(column, name, distinct)
    if distinct > MOST_CLASSES and distinct > len(column) // 20:
        why = f"{name} holds {distinct:,} different texts in {int(present.sum()):,} rows: names, not classes"
        return Framing("unlabelled", (), (), np.full(len(column), np.nan), why)
    return _classes(name, codes, values, counts)


def _amount(column: Column, name: str, distinct: int) -> Framing:
    values = column.floats()
    label = np.where(np.isfinite(values), values, np.nan)
    half, high = np.nanquantile(label, [0.5, 0.9])
    ways = [f"Binary: is {name} above {high:g} (one row in ten)? Often enough to act on, and easier to score."]
    if np.nanmin(label) >= 0 and half > 0 and np.nanmax(label) > 20 * half:
        ways.append(f"An amount on a log scale: {name} is skewed (median {half:g}, greatest {np.nanmax(label):g}).")
    return Framing("regression", (), (), label, f"{name} holds {distinct:,} different numbers", tuple(ways))


def _classes(name: str, codes: Ints, values: list[Any], counts: Ints) -> Framing:
    order = [int(c) for c in np.argsort(-counts, kind="stable") if counts[c]]
    place = np.full(len(values) + 1, np.nan)  # the last for the code -1
    place[order] = np.arange(len(order))
    classes, seen = tuple(values[c] for c in order), tuple(int(counts[c]) for c in order)
    label = place[codes]
    if len(order) == 2:
        return Framing("binary", classes, seen, label, f"{name} holds two values")
    rare = [c for c, n in zip(classes, seen, strict=True) if n < 30]
    ways = []
    if rare:
        ways.append(f"Fewer classes: {len(rare)} of {len(classes)} have under 30 rows; put them together as 'other'.")
    if len(classes) > 30:
        ways.append("Ranking or retrieval: with so many classes, score each one and answer with the best few.")
    ways.append(f"Binary: {classes[-1]!r} against the rest, if only that one leads to an action.")
    return Framing("multiclass", classes, seen, label, f"{name} holds {len(classes)} classes", tuple(ways))
