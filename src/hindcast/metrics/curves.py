"""Curves of a score over all its thresholds: precision and recall, ROC, gain and lift; and figures read off them.

Everywhere `label` has shape (n,) and holds 0 and 1, `score` has shape (n,) and is finite; a row is acted on when its
score is at least the threshold, so equal scores are acted on together and there is one point per distinct score. All
curves take O(n log n) time and O(n) memory. What is not defined (no rows, one class where two are needed) is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.errors import ConfigError
from hindcast.metrics.rows import paired
from hindcast.values import Floats

__all__ = [
    "GainCurve",
    "PrecisionRecallCurve",
    "RocCurve",
    "gain_curve",
    "lift_at",
    "precision_at",
    "precision_at_recall",
    "precision_recall_curve",
    "recall_at",
    "recall_at_precision",
    "roc_curve",
]

_NAN = float("nan")


def counts_at_thresholds(label: Floats, score: Floats) -> tuple[Floats, Floats, Floats]:
    """Distinct scores from the highest down, and the hits and false alarms of acting from each on, shape (m,)."""
    order = np.argsort(-score, kind="stable")
    s, y = score[order], label[order]
    last = np.flatnonzero(np.r_[s[1:] != s[:-1], True]) if s.size else np.zeros(0, dtype=np.int64)
    hits = np.cumsum(y)[last]
    return s[last], hits, last + 1.0 - hits


def _share(part: Floats, whole: float) -> Floats:
    return part / whole if whole else np.full(part.shape, _NAN)


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Precision and recall at each threshold, from the strictest on.

    Parameters
    ----------
    threshold, precision, recall : float arrays, shape (m,)
        Acting where ``score >= threshold[i]`` has ``precision[i]`` and ``recall[i]``. Thresholds fall, recall rises,
        precision may do either. Recall is NaN without positives.
    hits, false_alarms : float arrays, shape (m,)
    positives, rows : int

    Notes
    -----
    Between two points a curve of precision is not a straight line (Davis and Goadrich): hits and false alarms mix
    linearly, their ratio does not. :meth:`at_recall` interpolates so. The area under straight lines is too high where
    points are few; :func:`hindcast.metrics.average_precision` adds up steps instead and interpolates nothing.

    References
    ----------
    Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves", ICML 2006.
    """

    threshold: Floats
    precision: Floats
    recall: Floats
    hits: Floats
    false_alarms: Floats
    positives: int
    rows: int

    def at_recall(self, recall: Any) -> Floats:
        """The precision at each of `recall`, in (0, 1]: of a mixture of the two neighbouring thresholds.

        Below the first point precision is that of the first point: scores tied at the top are drawn at random.

        Examples
        --------
        >>> curve = precision_recall_curve([1, 0, 0, 1], [0.9, 0.5, 0.5, 0.1])
        >>> curve.at_recall([0.5, 0.75, 1.0]).round(3).tolist()
        [1.0, 0.429, 0.5]
        """
        asked = np.atleast_1d(np.asarray(recall, dtype=np.float64))
        if not ((asked > 0) & (asked <= 1)).all():
            raise ConfigError(f"a recall to read precision at lies in (0, 1], got {recall!r}.")
        if not self.positives:
            return np.full(asked.shape, _NAN)
        keep = np.r_[True, self.hits[1:] > self.hits[:-1]] & (self.hits > 0)
        hits, alarms = np.r_[0.0, self.hits], np.r_[0.0, self.false_alarms]
        at = np.flatnonzero(keep) + 1
        found = asked * self.positives
        right = at[np.searchsorted(hits[at], found * (1 - 1e-12))]
        left = right - 1
        share = np.clip((found - hits[left]) / (hits[right] - hits[left]), 0.0, 1.0)
        false = alarms[left] + share * (alarms[right] - alarms[left])
        return np.asarray(found / (found + false))


def precision_recall_curve(label: Any, score: Any) -> PrecisionRecallCurve:
    """Precision and recall at every distinct score; see :class:`PrecisionRecallCurve`.

    Examples
    --------
    >>> curve = precision_recall_curve([0, 1, 1], [0.9, 0.8, 0.7])
    >>> curve.precision.round(2).tolist(), curve.recall.tolist()
    ([0.0, 0.5, 0.67], [0.0, 0.5, 1.0])
    """
    y, s = paired(label, score, probability=False)
    threshold, hits, alarms = counts_at_thresholds(y, s)
    positives = int(y.sum())
    return PrecisionRecallCurve(
        threshold, hits / (hits + alarms), _share(hits, positives), hits, alarms, positives, y.size
    )


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Recall against the rate of false alarms at each threshold, from "act on nobody" (infinite) on.

    Parameters
    ----------
    threshold, false_alarm_rate, recall : float arrays, shape (m + 1,)
        Both rates rise; a rate of a class without rows is NaN.

    Notes
    -----
    Straight lines between points are right here: a mixture of two thresholds lies on them, and the area under them is
    :func:`hindcast.metrics.auc`. Where positives are rare the picture flatters: a false alarm rate of 1% of a million
    rows is ten thousand alarms. Look at precision and recall beside it.

    References
    ----------
    Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006.
    """

    threshold: Floats
    false_alarm_rate: Floats
    recall: Floats

    @property
    def area(self) -> float:
        """The area under the curve; NaN for one class."""
        widths = np.diff(self.false_alarm_rate)
        return float((widths * (self.recall[1:] + self.recall[:-1]) / 2.0).sum()) if widths.size else _NAN


def roc_curve(label: Any, score: Any) -> RocCurve:
    """Recall against the rate of false alarms; see :class:`RocCurve`.

    Examples
    --------
    >>> curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    >>> curve.false_alarm_rate.tolist(), curve.recall.tolist(), curve.area
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0], 0.875)
    """
    y, s = paired(label, score, probability=False)
    threshold, hits, alarms = counts_at_thresholds(y, s)
    positives = float(y.sum())
    return RocCurve(
        np.r_[np.inf, threshold],
        _share(np.r_[0.0, alarms], y.size - positives),
        _share(np.r_[0.0, hits], positives),
    )


@dataclass(frozen=True, eq=False)
class GainCurve:
    """The share of all positives that is found among the rows with the highest scores, and how much better than chance.

    Parameters
    ----------
    contacted : float array, shape (m + 1,)
        The share of the rows acted on, from 0 to 1.
    found : float array, shape (m + 1,)
        The share of the positives among them ("cumulative gain"); NaN without positives.
    """

    contacted: Floats
    found: Floats

    @property
    def lift(self) -> Floats:
        """How many times more positives than among as many rows drawn at random, shape (m + 1,); NaN at 0 rows."""
        result = np.full(self.found.shape, _NAN)
        np.divide(self.found, self.contacted, out=result, where=self.contacted > 0)
        return result

    def at(self, share: Any) -> Floats:
        """The share of positives found among that share of the rows, tied scores drawn at random: straight lines."""
        asked = np.atleast_1d(np.asarray(share, dtype=np.float64))
        if not ((asked >= 0) & (asked <= 1)).all():
            raise ConfigError(f"a share of rows lies in [0, 1], got {share!r}.")
        return np.asarray(np.interp(asked, self.contacted, self.found))

    @property
    def area(self) -> float:
        """The area under the curve; 0.5 for chance ("ALIFT" of direct marketing)."""
        widths = np.diff(self.contacted)
        return float((widths * (self.found[1:] + self.found[:-1]) / 2.0).sum()) if widths.size else _NAN


def gain_curve(label: Any, score: Any) -> GainCurve:
    """Positives found against rows looked at, best scores first; see :class:`GainCurve`.

    Examples
    --------
    >>> curve = gain_curve([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4])
    >>> curve.at(0.5).tolist(), curve.lift[1:].round(2).tolist()
    ([1.0], [4.0, 2.0, 1.33, 1.0])
    """
    y, s = paired(label, score, probability=False)
    _, hits, alarms = counts_at_thresholds(y, s)
    contacted = np.r_[0.0, hits + alarms] / y.size if y.size else np.array([_NAN])
    return GainCurve(contacted, _share(np.r_[0.0, hits], float(y.sum())))


# ---- one figure of a curve --------------------------------------------------------------------------------


def recall_at_precision(label: Any, score: Any, precision: float) -> float:
    """The greatest recall of a threshold whose precision is at least `precision`.

    0 where no threshold is so precise; no positives: NaN. A threshold with few rows above it reaches any precision by
    luck: read it with an interval, or choose the threshold on other rows.

    Examples
    --------
    >>> recall_at_precision([1, 1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.5], precision=0.7)
    1.0
    """
    _in_share("precision", precision)
    curve = precision_recall_curve(label, score)
    if not curve.positives:
        return _NAN
    reached = curve.recall[curve.precision >= precision]
    return float(reached.max()) if reached.size else 0.0


def precision_at_recall(label: Any, score: Any, recall: float) -> float:
    """The greatest precision of a threshold whose recall is at least `recall`; no positives: NaN.

    Examples
    --------
    >>> precision_at_recall([1, 1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.5], recall=0.9)
    0.75
    """
    _in_share("recall", recall)
    curve = precision_recall_curve(label, score)
    return float(curve.precision[curve.recall >= recall].max()) if curve.positives else _NAN


def _in_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"a {name} lies in [0, 1], got {value!r}.")


def _found_at(label: Any, score: Any, k: int) -> tuple[float, int, int, int]:
    """Expected hits among the k best rows (rows tied at the cut drawn at random), k at most n, positives, rows."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ConfigError(f"k counts rows and is a whole number of at least 1, got {k!r}.")
    y, s = paired(label, score, probability=False)
    _, hits, alarms = counts_at_thresholds(y, s)
    k = min(int(k), y.size)
    found = float(np.interp(k, np.r_[0.0, hits + alarms], np.r_[0.0, hits]))
    return found, k, int(y.sum()), y.size


def precision_at(label: Any, score: Any, k: int) -> float:
    """The share of positives among the `k` rows with the highest scores (all rows where there are fewer).

    Rows tied at the cut count by their average, so the order of rows does not matter. No rows: NaN.

    Examples
    --------
    >>> precision_at([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], k=3), precision_at([1, 0], [0.5, 0.5], k=1)
    (0.6666666666666666, 0.5)
    """
    found, k, _, _ = _found_at(label, score, k)
    return found / k if k else _NAN


def recall_at(label: Any, score: Any, k: int) -> float:
    """The share of all positives that is among the `k` rows with the highest scores; ties as in :func:`precision_at`.

    Examples
    --------
    >>> recall_at([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], k=2)
    0.5
    """
    found, _, positives, _ = _found_at(label, score, k)
    return found / positives if positives else _NAN


def lift_at(label: Any, score: Any, k: int) -> float:
    """How many times more positives the `k` highest scores hold than `k` rows at random; no positives: NaN.

    Examples
    --------
    >>> lift_at([1, 0, 0, 0], [0.9, 0.8, 0.7, 0.1], k=1)
    4.0
    """
    found, k, positives, rows = _found_at(label, score, k)
    return found / k * rows / positives if positives else _NAN
