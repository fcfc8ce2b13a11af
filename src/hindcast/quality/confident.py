"""Confident learning: which given labels are wrong, and how the classes are confused, by probabilities held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.crowd.names import codes_of
from hindcast.errors import ConfigError, DataError
from hindcast.findings import Finding
from hindcast.parameters import choice
from hindcast.quality.given import as_floats
from hindcast.quality.held_out import HeldOut
from hindcast.quality.suspects import Suspects
from hindcast.values import Floats, Ints

__all__ = ["LabelErrors", "find_label_errors"]


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Labels that are probably wrong, and the noise they come from.

    Parameters
    ----------
    classes : tuple
    suspects : Suspects
        Rows whose label is doubted, the worst first.
    suggested : int64 array, shape (suspects,)
        The class each should have, as codes.
    joint : float64 array, shape (K, K)
        Estimated numbers of rows by given class and true class; rows sum to the given labels.
    thresholds : float64 array, shape (K,)
        How probable a class must be to count as confidently that class; NaN for a class nobody was given.
    quality : float64 array, shape (n,)
        Of every row: the score of its given label in [0, 1], low is doubtful; NaN where not judged.
    notes : tuple of str
    """

    classes: tuple[Any, ...]
    suspects: Suspects
    suggested: Ints
    joint: Floats
    thresholds: Floats
    quality: Floats
    notes: tuple[str, ...] = ()

    @property
    def expected(self) -> float:
        """The estimated number of wrong labels, by the calibrated joint."""
        return float(self.joint.sum() - np.trace(self.joint))

    @property
    def noise(self) -> Floats:
        """How likely each class is given where each is true, shape (true, given); rows sum to 1, NaN without rows."""
        columns = self.joint.T
        total = columns.sum(axis=1, keepdims=True)
        result = np.full(columns.shape, np.nan)
        np.divide(columns, total, out=result, where=total > 0)
        return result

    @property
    def prior(self) -> Floats:
        """The estimated share of each true class, shape (K,)."""
        return np.asarray(self.joint.sum(axis=0) / max(float(self.joint.sum()), 1.0))

    def findings(self) -> list[Finding]:
        """HC019 where labels are probably wrong."""
        n = float(self.joint.sum())
        if not len(self.suspects):
            return []
        return [
            Finding(
                "HC019",
                "label",
                "warn",
                f"about {self.expected:,.0f} of {n:,.0f} labels ({self.expected / n:.1%}) are probably wrong; "
                f"{len(self.suspects):,} rows are named.",
                "Look at the first hundred suspects; if most are wrong, have all of them labelled again.",
                {"expected": self.expected, "rows": n, "named": len(self.suspects)},
            )
        ]


def find_label_errors(
    label: Any,
    probability: Any = None,
    *,
    classes: Sequence[Any] | None = None,
    select: Literal["confident", "noise-rate", "both"] = "noise-rate",
    rank: Literal["margin", "self-confidence"] = "margin",
) -> LabelErrors:
    """Rows whose given label is probably wrong.

    A class counts as *confidently* true of a row where its probability reaches the class's own threshold: its mean
    over the rows that were given that class. Counting given against confidently true classes gives a joint whose
    off-diagonal is label noise; thresholds of their own make that right also where the model leans to some classes.

    Parameters
    ----------
    label : array of n labels, or HeldOut
        None, NaN where there is none. Probabilities held out by :func:`held_out_probabilities` bring their own labels.
    probability : array of shape (n, K)
        Of classes in the order of `classes`, from models that did not see the row (else errors are learnt by heart).
        Rows of NaN are not judged.
    classes : sequence, optional
        The class of each column; by default the distinct labels, sorted.
    select : {"noise-rate", "confident", "both"}
        ``noise-rate``: from each cell off the diagonal as many rows as it is estimated to hold, those of largest
        margin. ``confident``: only rows counted off the diagonal. ``both``: rows in both lists: fewer, and surer.
    rank : {"margin", "self-confidence"}
        By the probability of the given label less that of the best other, or by the former alone.

    Returns
    -------
    LabelErrors

    Raises
    ------
    DataError
        For probabilities of another shape, below 0, or that do not sum to 1.

    References
    ----------
    Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1]] * 8 + [[0.1, 0.9]] * 8)
    >>> found = find_label_errors(["a"] * 7 + ["b"] * 9, p)
    >>> found.suspects.row.tolist(), found.classes[found.suggested[0]], found.expected
    ([7], 'a', 1.0)
    """
    choice("select", select, ("both", "confident", "noise-rate"))
    choice("rank", rank, ("margin", "self-confidence"))
    notes: tuple[str, ...] = ()
    if isinstance(label, HeldOut):
        if probability is not None or classes is not None:
            raise ConfigError("held-out probabilities bring their own labels and classes.")
        codes, names, p, notes = label.label, label.classes, label.probability, label.notes
    else:
        if probability is None:
            raise ConfigError("find_label_errors needs probabilities; make them with held_out_probabilities(...).")
        if classes is not None and (isinstance(classes, str) or not isinstance(classes, Sequence)):
            raise ConfigError(f"classes is a list of the class of each column, got {classes!r}.")
        codes, names = codes_of(label, column="label", known=classes, missing=True)
        p = as_floats("probability", probability)
    judged = _judged(codes, p, len(names))
    rows = np.flatnonzero(judged)
    y, p = codes[judged], p[judged]
    k, n = len(names), len(rows)
    given = np.bincount(y, minlength=k)
    own = p[np.arange(n), y]
    thresholds = np.full(k, np.nan)
    np.divide(np.bincount(y, weights=own, minlength=k), given, out=thresholds, where=given > 0)

    confident = _confident_class(p, thresholds)
    counts = np.bincount((y * k + confident)[confident >= 0], minlength=k * k).reshape(k, k).astype(np.float64)
    total = counts.sum(axis=1)
    counts[total == 0, total == 0] = 1.0  # nobody is confident of it: taken as it was given
    joint = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300) * given[:, None]

    other = p.copy()
    other[np.arange(n), y] = -1.0
    best = other.argmax(axis=1) if k > 1 else y
    margin = own - (other.max(axis=1) if k > 1 else 0.0)
    quality = own if rank == "self-confidence" else (margin + 1.0) / 2.0
    off = (confident >= 0) & (confident != y)
    chosen = off.copy()
    suggested = np.where(off, confident, best)
    if select != "confident":
        pruned, where = _by_noise_rate(p, y, joint)
        chosen = pruned if select == "noise-rate" else off & pruned
        suggested = where if select == "noise-rate" else suggested
    found = np.flatnonzero(chosen)
    order = np.lexsort((rows[found], quality[found]))
    found = found[order]
    reasons = tuple(
        f"given {names[y[i]]}, looks like {names[suggested[i]]} ({p[i, suggested[i]]:.0%} against {own[i]:.0%})"
        for i in found
    )
    extra = _notes(given, n, k, len(codes), joint, names)
    whole = np.full(len(codes), np.nan)
    whole[rows] = quality
    return LabelErrors(
        names,
        Suspects(rows[found], reasons, 1.0 - quality[found], (*notes, *extra)),
        suggested[found].astype(np.int64),
        joint,
        thresholds,
        whole,
        (*notes, *extra),
    )


def _judged(codes: Ints, p: Floats, k: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Rows with a label and probabilities, which are checked."""
    if p.ndim != 2 or p.shape != (len(codes), k):
        raise DataError(
            f"{len(codes)} labels of {k} classes came with probabilities of shape {p.shape}; pass classes=."
        )
    there = ~np.isnan(p).any(axis=1)
    wrong = there & ((p < -1e-9).any(axis=1) | (np.abs(p.sum(axis=1) - 1.0) > 1e-3))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("probabilities of a row are 0 or more and sum to 1", row=row + 1, value=p[row].tolist()[:10])
    return np.asarray(there & (codes >= 0))


def _confident_class(p: Floats, thresholds: Floats) -> Ints:
    """The most probable of the classes that reach their threshold, -1 where none does."""
    if not p.size:
        return np.full(len(p), -1, dtype=np.int64)
    reach = p >= np.where(np.isnan(thresholds), np.inf, thresholds) - 1e-12
    return np.where(reach.any(axis=1), np.where(reach, p, -1.0).argmax(axis=1), -1).astype(np.int64)


def _by_noise_rate(p: Floats, y: Ints, joint: Floats) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], Ints]:
    """From each cell (given, true) off the diagonal its estimated number of rows, of largest margin for the true."""
    n = len(p)
    chosen, where, best = np.zeros(n, dtype=np.bool_), y.copy(), np.full(n, -np.inf)
    for given, true in np.argwhere(np.rint(joint) >= 1).tolist():
        if given == true:
            continue
        rows = np.flatnonzero(y == given)
        most = min(int(np.rint(joint[given, true])), max(len(rows) - 1, 0))  # never a whole class
        margin = p[rows, true] - p[rows, given]
        top = rows[np.lexsort((rows, -margin))[:most]]
        value = p[top, true] - p[top, given]
        better = value > best[top]
        where[top[better]] = true
        best[top[better]] = value[better]
        chosen[top] = True
    return chosen, where


def _notes(given: Any, n: int, k: int, all_rows: int, joint: Floats, names: tuple[Any, ...]) -> tuple[str, ...]:
    notes = []
    if n < all_rows:
        notes.append(f"{all_rows - n:,} rows without a label or probabilities are not judged.")
    if k < 2:
        notes.append("one class only: no label can be doubted.")
    rare = [str(names[c]) for c in np.flatnonzero((given > 0) & (given < 10))[:5]]
    if rare:
        notes.append(f"fewer than 10 rows of {', '.join(rare)}: their thresholds are chance; look at them by hand.")
    if n and (joint.sum() - np.trace(joint)) / n > 0.3:
        notes.append(
            "over 30% of labels look wrong: more likely the model is poor, or classes overlap; judge the model."
        )
    return tuple(notes)
