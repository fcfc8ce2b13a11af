"""Columns that know the answer: hints that a table holds what will not be known when the question is asked.

Pure functions of a frame. A hint is not a proof: a column that knows a little of the future looks like any other, and
only a declared known time tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.metrics import auc
from hindcast.values import Bools, Floats, Ints

__all__ = ["Leak", "alone", "parts_of", "suspects"]

SURE_LEAK = 0.95
STANDS_OUT = 0.7
SAMPLE = 50_000
STRETCHES = 20


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that seems to know the answer.

    Parameters
    ----------
    name : str
    strength : float
        The AUC of this column alone, in [0.5, 1]; NaN where it is suspected for another reason.
    why : str
    """

    name: str
    strength: float
    why: str


def suspects(frame: Frame, label: Floats, time: str, names: Sequence[str]) -> list[Leak]:
    """Columns among `names` that seem to know the answer: nearly perfect alone, far ahead of the rest, or known later.

    A column is judged by the AUC it reaches alone within short stretches of time (a trend that all columns share is no
    leak), numbers as they are and texts by the positive rate of each value learnt on the other half of the rows; over
    at most 50,000 rows, evenly spaced. A hint, not a proof: a column that knows a little of the future looks like any
    other.

    Parameters
    ----------
    frame : Frame, n rows
    label : float64 array, shape (n,)
        1, 0, or NaN where there is none.
    time : str
        When the question is asked.
    names : sequence of str
    """
    found: list[Leak] = []
    asked = frame[time].floats()
    for name in names:
        if frame[name].kind == "time":
            later = frame[name].floats() - asked
            share = float(np.mean(later[np.isfinite(later)] > 0)) if np.isfinite(later).any() else 0.0
            if share > 0.5:
                found.append(Leak(name, float("nan"), f"lies after {time} in {share:.0%} of the rows"))
    rows = np.flatnonzero(~np.isnan(label) & np.isfinite(asked))
    rows = rows[:: max(1, len(rows) // SAMPLE)]
    rows = rows[np.argsort(asked[rows], kind="stable")]
    strengths = {
        name: alone(frame[name].take(rows), label[rows]) for name in names if frame[name].kind != "time" and len(rows)
    }
    ranked = sorted(strengths.items(), key=lambda pair: -pair[1])
    for at, (name, strength) in enumerate(ranked):
        rest = ranked[at + 1][1] if at + 1 < len(ranked) else strength  # alone, it cannot stand out
        if strength >= SURE_LEAK:
            found.append(Leak(name, strength, f"alone it tells the outcome almost perfectly (AUC {strength:.2f})"))
        elif at == 0 and strength >= STANDS_OUT and strength - 0.5 >= 1.8 * (rest - 0.5):
            why = f"alone it reaches AUC {strength:.2f}, the next column {rest:.2f}"
            found.append(Leak(name, strength, why))
    return found


def parts_of(frame: Frame, wholes: Sequence[str], names: Sequence[str]) -> list[Leak]:
    """Number columns among `names` that add up to one of `wholes`, the outcome's columns: its parts, not its causes.

    A linear fit without remainder over at most 50,000 rows, evenly spaced.

    Examples
    --------
    >>> rides = Frame.of({"casual": [3, 8, 5], "member": [13, 30, 1], "hour": [0, 1, 2], "all": [16, 38, 6]})
    >>> [suspect.name for suspect in parts_of(rides.take(np.arange(3).repeat(9)), ["all"], ["casual", "member"])]
    ['casual', 'member']
    """
    step = max(1, len(frame) // SAMPLE)
    numeric = [name for name in names if frame[name].kind in ("number", "integer")]
    columns = {name: frame[name].floats()[::step] for name in numeric}
    columns = {name: x - x.mean() for name, x in columns.items() if np.isfinite(x).all() and x.std() > 0}
    found: dict[str, Leak] = {}
    for whole in wholes:
        if not columns or frame[whole].kind not in ("number", "integer"):
            continue
        y = frame[whole].floats()[::step]
        y = y - y.mean()
        x = np.column_stack(list(columns.values()))
        if not np.isfinite(y).all() or y.std() == 0 or len(y) < 2 * x.shape[1]:
            continue
        weights = np.linalg.lstsq(x / x.std(axis=0), y, rcond=None)[0]
        if np.abs(y - (x / x.std(axis=0)) @ weights).max() > 1e-6 * y.std():
            continue
        parts = [name for name, w in zip(columns, weights, strict=True) if abs(w) > 1e-6 * y.std()]
        for name in parts:
            others = " and ".join(part for part in parts if part != name)
            told = f"with {others} it gives {whole} exactly" if others else f"it gives {whole} exactly"
            found.setdefault(name, Leak(name, float("nan"), told))
    return list(found.values())


def alone(column: Column, label: Floats) -> float:
    """The AUC of one column by itself, at least 0.5: the mean over stretches of rows, by how much each can tell."""
    score: Any
    if column.kind == "text":
        score = _rates(column.codes()[0], label)
    else:
        values = column.floats()
        score = np.where(np.isnan(values), np.nanmedian(values) if np.isfinite(values).any() else 0.0, values)
    total = weight = 0.0
    for y, x in zip(np.array_split(label, STRETCHES), np.array_split(score, STRETCHES), strict=True):
        pairs = float(y.sum() * (len(y) - y.sum()))
        if pairs:
            total, weight = total + pairs * auc(y, x), weight + pairs
    found = total / weight if weight else 0.5
    return max(found, 1 - found)


def _rates(codes: Ints, label: Floats) -> Floats:
    """Each row's value's positive rate among the rows of the other half, pulled to the mean where rows are few."""
    size = int(codes.max()) + 2 if len(codes) else 1
    half: Bools = np.arange(len(codes)) % 2 == 0
    result = np.empty(len(codes), dtype=np.float64)
    mean = float(label.mean())
    for mine in (half, ~half):
        other = ~mine
        hits = np.bincount(codes[other] + 1, weights=label[other], minlength=size)
        seen = np.bincount(codes[other] + 1, minlength=size)
        result[mine] = ((hits + 10 * mean) / (seen + 10))[codes[mine] + 1]
    return result
