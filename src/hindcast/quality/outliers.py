"""Rows unlike the others: far out in a column, in sparse regions, or easily set apart."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from hindcast.columns import Frame
from hindcast.parameters import choice, seed_of, whole
from hindcast.parameters import share as share_of
from hindcast.quality.given import table_of
from hindcast.quality.suspects import Suspects
from hindcast.semi.learner import one_thread
from hindcast.values import Floats

__all__ = ["find_outliers"]

_METHODS = ("robust", "neighbours", "forest")
_MOST_NEIGHBOURS = 50_000


def find_outliers(
    rows: Any,
    method: Literal["robust", "neighbours", "forest"] = "robust",
    *,
    share: float = 0.01,
    neighbours: int = 10,
    seed: int = 0,
) -> Suspects:
    """Rows unlike the others, ranked; at most `share` of all.

    ==============  ==========================================================  ===================================
    method          a row is far out when                                       misses
    ==============  ==========================================================  ===================================
    ``robust``      one value lies far from the column's median, in median      odd combinations of usual values
                    absolute deviations (modified z above 3.5)
    ``neighbours``  its neighbour number `neighbours` is far, in robust units   clumps larger than that
    ``forest``      random cuts set it apart early (isolation forest)           what is odd in few of many columns
    ==============  ==========================================================  ===================================

    An outlier is a question, not an error: rare is not wrong, and fraud is the outlier you want. Do not drop rows by
    this list; look at them.

    Parameters
    ----------
    rows : Frame, or array of numbers of shape (n, d)
        Texts, lists and booleans are left out and named; a missing value is nothing unusual, and counts as the median.
    method : {"robust", "neighbours", "forest"}
    share : float, default 0.01
        The largest share of rows to name, in (0, 1].
    neighbours : int, default 10
    seed : int
        Of the forest, and of the sample that more than 50,000 rows are compared with.

    Returns
    -------
    Suspects
        Scores in [0, 1], comparable within one method; the reason names the column and value that stands out most.

    References
    ----------
    Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993; Ramaswamy, Rastogi and Shim, "Efficient Algorithms
    for Mining Outliers from Large Data Sets", SIGMOD 2000; Liu, Ting and Zhou, "Isolation Forest", ICDM 2008.

    Examples
    --------
    >>> ages = Frame.of({"age": [31.0, 35.0, 29.0, 33.0, 30.0, 34.0, 32.0, 340.0]})
    >>> find_outliers(ages, share=0.5).reason
    ('age is 340, far above the median 32.5',)
    """
    choice("method", method, _METHODS, where="find_outliers")
    share, seed = share_of("share", share), seed_of(seed)
    neighbours = whole("neighbours", neighbours, least=1)
    values, names, notes = _numbers(rows)
    n, d = values.shape
    if n < 3 or d == 0:
        return Suspects.ranked([], [], [], [*notes, "too few rows or columns of numbers to tell what is usual."])
    middle, scale = _middles(values)
    z = np.where(np.isnan(values), 0.0, (values - middle) / scale)
    z = np.clip(z, -1e9, 1e9)
    far = np.abs(z).max(axis=1)
    if method == "robust":
        raw, doubtful = far, far > 3.5
        score = 1.0 - 3.5 / np.maximum(far, 3.5)
        for c in np.flatnonzero((np.abs(z) > 3.5).mean(axis=0) > 0.05).tolist():
            notes.append(f"{names[c]}: over 5% lie far out; it has a long tail, take its logarithm or another method.")
    else:
        raw = _distances(z, neighbours, seed) if method == "neighbours" else _isolation(z, seed)
        usual = float(np.median(raw))
        score = 1.0 - usual / np.maximum(raw, max(usual, 1e-300))
        doubtful = raw > usual
        if method == "neighbours" and n > _MOST_NEIGHBOURS:
            notes.append(f"rows were compared with {_MOST_NEIGHBOURS:,} of {n:,}, drawn at random.")
    most = max(int(np.floor(share * n)), 1)
    order = np.lexsort((np.arange(n), -raw))
    chosen = order[doubtful[order]]
    if method == "robust" and len(chosen) > most:
        notes.append(f"{len(chosen):,} rows lie far out; the {most:,} farthest are named.")
    chosen = chosen[:most]
    reasons = [_reason(values[row], z[row], middle, names) for row in chosen.tolist()]
    return Suspects.ranked(chosen, reasons, score[chosen], notes)


def _numbers(rows: Any) -> tuple[Floats, list[str], list[str]]:
    """Columns of numbers, shape (n, d), infinite ones as far as a float goes; their names; what was left out."""
    if isinstance(rows, Frame):
        used = [name for name in rows.names if rows[name].kind not in ("text", "list", "boolean")]
        left = [name for name in rows.names if name not in used]
        notes = [f"columns without numbers are left out: {', '.join(left)}."] if left else []
        if not used:
            return np.zeros((len(rows), 0)), [], notes
        return np.stack([rows[name].floats() for name in used], axis=1), used, notes
    array = table_of(rows)
    return array.astype(np.float64), [f"column {c}" for c in range(array.shape[1])], []


def _middles(values: Floats) -> tuple[Floats, Floats]:
    """Median and robust standard deviation of each column; where most values are one, of those that are not."""
    middle, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for c in range(values.shape[1]):
        there = values[~np.isnan(values[:, c]), c]
        finite = there[np.isfinite(there)]
        if not len(finite):
            continue
        middle[c] = np.median(finite)
        distance = np.abs(finite - middle[c])
        scale[c] = 1.4826 * np.median(distance)
        if scale[c] <= 0:  # most values are one
            others = distance[distance > 0]
            if not len(others):
                scale[c] = np.inf if len(finite) == len(there) else 1.0  # constant: nothing is far from it
            elif len(others) <= max(1, 0.001 * len(finite)):
                scale[c] = others.min() / 10.0  # hardly ever another: any other is odd
            else:
                scale[c] = 1.4826 * np.median(others)
    return middle, scale


def _distances(z: Floats, neighbours: int, seed: int) -> Floats:
    """The distance of each row to its neighbour number `neighbours`; columns cut at 20 units."""
    from sklearn.neighbors import NearestNeighbors

    clipped = np.clip(z, -20.0, 20.0)
    n = len(z)
    base = np.arange(n)
    if n > _MOST_NEIGHBOURS:
        base = np.sort(np.random.default_rng([seed, 4141]).choice(n, _MOST_NEIGHBOURS, replace=False))
    k = min(neighbours + 1, len(base))
    with one_thread():
        found, _ = NearestNeighbors(n_neighbors=k, n_jobs=1).fit(clipped[base]).kneighbors(clipped)
    return np.asarray(found[:, -1], dtype=np.float64)


def _isolation(z: Floats, seed: int) -> Floats:
    from sklearn.ensemble import IsolationForest

    state = int(np.random.SeedSequence([seed, 4142]).generate_state(1)[0] & 0x7FFFFFFF)
    with one_thread():
        forest = IsolationForest(n_estimators=200, random_state=state, n_jobs=1).fit(np.clip(z, -1e6, 1e6))
        return np.asarray(-forest.score_samples(np.clip(z, -1e6, 1e6)), dtype=np.float64)


def _reason(values: Floats, z: Floats, middle: Floats, names: list[str]) -> str:
    at = int(np.abs(z).argmax())
    if abs(z[at]) < 2.0:
        return "an unusual combination of usual values"
    side = "above" if z[at] > 0 else "below"
    return f"{names[at]} is {values[at]:.6g}, {'far ' if abs(z[at]) > 3.5 else ''}{side} the median {middle[at]:.6g}"
