"""Why values are missing: at random, because of what is seen, or because of what is not; with the evidence.

Three mechanisms have names (Rubin 1976): *missing completely at random* (MCAR: no column has anything to do with it),
*at random* (MAR: what is seen explains it) and *not at random* (MNAR: the value itself does). Data can speak against
the first and for the second; between the second and the third they cannot decide, so here MNAR is only ever a hint,
taken from the label and from the moment at which values stop coming.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.metrics import auc
from hindcast.parameters import seed_of
from hindcast.quality.given import as_floats, column_of, instance, names_of
from hindcast.values import Bools, Floats, Ints

__all__ = ["Deletion", "MissingColumn", "deletion_cost", "diagnose_missing"]

Mechanism = Literal["complete", "MCAR", "MAR", "MNAR?"]

SAMPLE = 20_000
WITNESSES = 24
FEWEST = 30
PERIODS = 20


@dataclass(frozen=True, slots=True)
class MissingColumn:
    """How one column is missing.

    Parameters
    ----------
    name : str
    share : float
        Of rows without a value.
    mechanism : {"complete", "MCAR", "MAR", "MNAR?"}
        ``MCAR``: nothing speaks against it, at 5% over all columns with gaps together. ``MAR``: other columns tell
        which rows lack it. ``MNAR?``: the outcome differs where it is missing, and other columns do not explain which
        rows those are.
    told_by_others : float
        AUC with which the other columns tell, on rows held out, whether it is missing; NaN without enough rows.
    low : float
        The lower end of its 95% interval.
    label_gap : float
        Mean label where it is missing, minus where it is not; NaN without labels.
    label_gap_low, label_gap_high : float
        The gap's 95% interval.
    since : int or None
        The index in time order from which it is missing (or there) almost always, after almost never; None for no
        such moment.
    advice : str
    """

    name: str
    share: float
    mechanism: Mechanism
    told_by_others: float
    low: float
    label_gap: float
    label_gap_low: float
    label_gap_high: float
    since: int | None
    advice: str

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Deletion:
    """What deleting every row that lacks a value in some columns would cost.

    Parameters
    ----------
    kept : int
        Rows left.
    share : float
    base_rate, base_rate_kept : float
        The mean label of all rows and of those left; NaN without labels.
    biased : bool
        Whether the two differ by more than chance would make them (|z| > 3).
    """

    kept: int
    share: float
    base_rate: float
    base_rate_kept: float
    biased: bool


def diagnose_missing(
    frame: Frame, label: Any = None, *, at: Any = None, columns: Any = None, seed: int = 0
) -> list[MissingColumn]:
    """Say of every column that lacks values why it may lack them, the most missing first.

    Parameters
    ----------
    frame : Frame, n rows
    label : array_like, shape (n,), optional
        A number per row, such as 0 and 1; NaN where there is none.
    at : int array, shape (n,), optional
        When each row happened, to see values that begin or stop coming; the order of rows by default.
    columns : sequence of str, optional
        Only these are diagnosed; all serve as witnesses.
    seed : int, default 0

    Returns
    -------
    columns : list of MissingColumn
        Complete columns are left out.

    Notes
    -----
    The other columns' word is a boosted forest's, fitted on one half of at most 20,000 rows and asked about the other,
    with their own gaps as signs. Its interval is Hanley and McNeil's. Of more than 24 other columns only those are
    heard whose values or gaps go most with the gaps of the one in question, on the half that is fitted: a column that
    only tells together with another may then go unheard. O(columns x rows) forests of 24 columns, and O(columns^2 x
    rows) multiplications. Beyond 50 columns with gaps the forests are smaller.

    References
    ----------
    Rubin, "Inference and Missing Data", Biometrika 63, 1976.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(20, 80, 2_000)
    >>> income = np.where(age > 60, np.nan, rng.normal(size=2_000))
    >>> [(c.name, c.mechanism) for c in diagnose_missing(Frame.of({"age": age, "income": income}))]
    [('income', 'MAR')]
    """
    instance("frame", frame, Frame)
    n = len(frame)
    seed = seed_of(seed)
    y = None if label is None else _label(label, n)
    order = np.arange(n) if at is None else np.argsort(_places(at, n), kind="stable")
    rng = np.random.default_rng([seed, 61])
    sample = np.sort(rng.permutation(n)[:SAMPLE])
    taught = rng.permutation(len(sample)) < len(sample) // 2
    names = list(frame)
    wanted = names if columns is None else names_of("columns", columns, names)
    lacking = [name for name in wanted if not frame[name].present().all()]
    if not lacking:
        return []
    matrix = witness_matrix(frame.take(sample))
    absent = np.column_stack([~frame[name].present()[sample] for name in lacking])
    heard = _heard(matrix[taught], absent[taught], [names.index(name) for name in lacking])
    sure = NormalDist().inv_cdf(1 - 0.025 / len(lacking)) / 1.96  # of many columns one in twenty would look odd
    found = []
    for place, name in enumerate(lacking):
        gone = ~frame[name].present()
        share = float(gone.mean())
        told, low = _told(matrix[:, heard[place]], absent[:, place], taught, 50 if len(lacking) <= 50 else 15)
        gap, gap_low, gap_high = (float("nan"),) * 3 if y is None else _gap(y, gone)
        since = _since(gone[order])
        by_others = told - 0.5 > sure * (told - low)
        by_label = abs(gap) > sure * (gap - gap_low)
        mechanism: Mechanism = "MAR" if by_others else "MNAR?" if by_label else "MCAR"
        found.append(
            MissingColumn(
                name, share, mechanism, told, low, gap, gap_low, gap_high, since, _advice(share, mechanism, since)
            )
        )
    return sorted(found, key=lambda column: (-column.share, column.name))


def deletion_cost(frame: Frame, columns: Any = None, label: Any = None) -> Deletion:
    """What would be left if every row that lacks a value in `columns` (default: in any) were deleted.

    Examples
    --------
    >>> deletion_cost(Frame.of({"a": [1.0, None, 3.0, 4.0], "b": [1.0, 2.0, None, 4.0]})).kept
    2
    """
    instance("frame", frame, Frame)
    n = len(frame)
    kept = np.ones(n, dtype=np.bool_)
    for name in list(frame) if columns is None else names_of("columns", columns, frame.names):
        kept &= frame[name].present()
    share = float(kept.mean()) if n else float("nan")
    if label is None:
        return Deletion(int(kept.sum()), share, float("nan"), float("nan"), False)
    y = _label(label, n)
    known = ~np.isnan(y)
    whole, left = y[known], y[known & kept]
    rate = float(whole.mean()) if whole.size else float("nan")
    rate_kept = float(left.mean()) if left.size else float("nan")
    gone = y[known & ~kept]
    biased = False
    if left.size and gone.size:
        spread = float(np.sqrt(whole.var() * (1 / left.size + 1 / gone.size)))
        biased = spread > 0 and abs(rate_kept - float(gone.mean())) > 3 * spread
    return Deletion(int(kept.sum()), share, rate, rate_kept, biased)


def _places(at: Any, n: int) -> Any:
    moments = column_of("at", at)
    if moments.shape != (n,) or moments.dtype.kind not in "iufM":
        raise DataError(f"{n} rows came with moments of {moments.dtype} of shape {moments.shape}; give one per row.")
    return moments


def _label(label: Any, n: int) -> Floats:
    y = as_floats("label", label)
    if y.shape != (n,):
        raise DataError(f"{n} rows came with labels of shape {y.shape}; give one label per row, NaN for none.")
    return y


def _heard(matrix: Floats, absent: Bools, places: list[int]) -> list[Ints]:
    """For each gap in question, shape (n, gaps), the columns that are asked about it: all others, or the likeliest."""
    width = matrix.shape[1]
    if width <= WITNESSES + 1:
        return [np.delete(np.arange(width), place) for place in places]
    gaps = _standard(absent.astype(np.float64))
    strength = np.maximum(
        np.abs(_standard(matrix).T @ gaps), np.abs(_standard(np.isnan(matrix).astype(np.float64)).T @ gaps)
    )
    strength[places, np.arange(len(places))] = -1.0
    return [np.sort(np.argsort(-strength[:, at], kind="stable")[:WITNESSES]) for at in range(len(places))]


def _standard(values: Floats) -> Floats:
    """Each column with mean 0 and spread 1; 0 where a value is missing or a column is constant."""
    there = ~np.isnan(values)
    n = np.maximum(there.sum(axis=0), 1)
    largest = np.nanmax(np.abs(np.where(there, values, 0.0)), axis=0, initial=0.0)
    filled = np.where(there, values, 0.0) / np.where(largest > 0, largest, 1.0)
    filled = np.where(there, filled - filled.sum(axis=0) / n, 0.0)
    spread = np.sqrt(np.square(filled).sum(axis=0))
    return np.asarray(filled / np.where(spread > 0, spread, np.inf))


def _told(matrix: Floats, gone: Bools, half: Bools, trees: int) -> tuple[float, float]:
    """The AUC with which other columns tell missing from present off the `half` learnt from, and its lower 95% end."""
    if min(int(gone.sum()), int((~gone).sum())) < FEWEST or not matrix.shape[1]:
        return float("nan"), float("nan")
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    if min(int(gone[half].sum()), int(gone[~half].sum())) < FEWEST // 3:
        return float("nan"), float("nan")
    model = HistGradientBoostingClassifier(max_iter=trees, max_leaf_nodes=15, random_state=0, early_stopping=False)
    with threadpool_limits(limits=1):
        model.fit(matrix[half], gone[half])
        score = model.predict_proba(matrix[~half])[:, 1]
    value = auc(gone[~half].astype(np.float64), score)
    positive, negative = int(gone[~half].sum()), int((~gone[~half]).sum())
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value) + (positive - 1) * (first - value**2) + (negative - 1) * (second - value**2)
    return value, value - 1.96 * float(np.sqrt(max(variance, 0.0) / (positive * negative)))


def witness_matrix(frame: Frame) -> Floats:
    """The columns as numbers, shape (n, columns), NaN for null: texts by their rank in frequency, lists by length."""
    return np.column_stack([_numbers(frame[name]) for name in frame]) if list(frame) else np.zeros((len(frame), 0))


def _numbers(column: Column) -> Floats:
    if column.kind == "list":
        return np.array([np.nan if v is None else float(len(v)) for v in column.values], dtype=np.float64)
    if column.kind != "text":
        values = column.floats()
        return np.where(np.isfinite(values), values, np.nan)
    codes: Ints = column.codes()[0]
    counts = np.bincount(codes[codes >= 0], minlength=int(codes.max()) + 1 if len(codes) else 0)
    rank = np.empty(len(counts))
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))  # rare ones far away, frequent ones apart
    return np.where(codes >= 0, rank[codes] if len(rank) else np.nan, np.nan)


def _gap(label: Floats, gone: Bools) -> tuple[float, float, float]:
    known = ~np.isnan(label)
    here, there = label[known & gone], label[known & ~gone]
    if min(here.size, there.size) < FEWEST:
        return float("nan"), float("nan"), float("nan")
    gap = float(here.mean() - there.mean())
    half = 1.96 * float(np.sqrt(here.var() / here.size + there.var() / there.size))
    return gap, gap - half, gap + half


def _since(gone: Bools) -> int | None:
    """Where, in time order, a column turns from almost always there to almost always missing, or back, for good."""
    n = len(gone)
    if n < PERIODS * 5:
        return None
    cuts = (np.arange(1, PERIODS) * n) // PERIODS
    total = np.concatenate([[0], np.cumsum(gone)])
    before, after = total[cuts] / cuts, (total[n] - total[cuts]) / (n - cuts)
    jump = np.abs(after - before)
    best = int(jump.argmax())
    if jump[best] < 0.9:
        return None
    low, high = (0, n) if best == 0 else (int(cuts[best - 1]), int(cuts[min(best + 1, len(cuts) - 1)]))
    inside = np.arange(max(low, 1), high)
    sharp = np.abs((total[n] - total[inside]) / (n - inside) - total[inside] / inside)
    return int(inside[sharp.argmax()])


def _advice(share: float, mechanism: Mechanism, since: int | None) -> str:
    if since is not None:
        return "A feed began or stopped: learn from one side of that moment only, or leave the column out."
    if share > 0.95:
        return "Hardly ever there: leave it out, or keep only whether it is there."
    if mechanism == "MCAR":
        return "Fill with the median or the most frequent value; deleting such rows would cost rows, not truth."
    if mechanism == "MAR":
        return "Fill from the other columns or let trees take the gap as it is; deleting rows would bend the sample."
    return "Keep a column that says it is missing, which carries news of its own; never delete such rows."
