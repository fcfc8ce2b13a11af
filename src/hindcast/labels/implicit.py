"""Labels that people give unasked: a click within a horizon, a dwell long enough; and nothing, which is a no.

A click counts for an impression when it came within the horizon, stayed long enough, and has not been taken back. A
negative is only known when the horizon has passed. Everything is read at a moment: what became known later does not
count, so that the same events give the labels of any past day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.labels.moments import listed, moment_at, moments_of
from hindcast.metrics import Estimate
from hindcast.metrics.rows import numbers
from hindcast.parameters import level_of, number
from hindcast.sampling import strata_of
from hindcast.values import NEVER, Bools, Duration, Floats, Ints, Moment, duration_us

__all__ = ["ImplicitLabels", "click_labels", "examination", "position_weights"]


@dataclass(frozen=True, slots=True, eq=False)
class ImplicitLabels:
    """What impressions came to, as known at a moment.

    Parameters
    ----------
    label : float64 array, shape (n,)
        1 for a click that counts, 0 for none within the horizon, NaN while that may still come.
    known : int64 array, shape (n,)
        When the label became known, microseconds; NEVER while it is not.
    strength : float64 array, shape (n,)
        How much of the capped dwell there was, in [0, 1]; without dwell the label.
    clicks : int64 array, shape (n,)
        Clicks that count.
    counts : mapping of str to int
        ``impressions``, ``positive``, ``negative``, ``waiting``; of the clicks: ``counted``, ``outside`` the horizon,
        ``short`` of the dwell asked, ``retracted``, ``unseen`` (known only later), ``unmatched`` with any impression.
    notes : tuple of str
    """

    label: Floats
    known: Ints
    strength: Floats
    clicks: Ints
    counts: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        """The number of impressions."""
        return len(self.label)

    @property
    def settled(self) -> Bools:
        """Impressions whose label is known, shape (n,)."""
        return ~np.isnan(self.label)


def click_labels(
    shown: Any,
    impression: Any,
    clicked: Any,
    *,
    within: Duration,
    key: Any = None,
    dwell: Any = None,
    least: float | None = None,
    cap: float | None = None,
    known: Any = None,
    retracted: Any = None,
    now: Moment | None = None,
) -> ImplicitLabels:
    """Labels of impressions from clicks.

    Parameters
    ----------
    shown : array_like of moments, shape (n,)
        When each impression was shown.
    impression : array_like, shape (m,)
        The impression of each click: its place from 0, or its `key`. A click of another is counted and left out.
    clicked : array_like of moments, shape (m,)
    within : duration
        The horizon: a click at t counts when ``shown <= t < shown + within``.
    key : array_like, shape (n,), optional
        Names of the impressions, distinct.
    dwell : array_like, shape (m,), optional
        Seconds that were spent after each click; NaN where nobody knows.
    least : float, optional
        A click counts only after so many seconds of dwell (one whose dwell is not known does not). It is known then,
        not before, and so is a negative.
    cap : float, optional
        Dwell beyond so many seconds adds nothing to the strength: somebody went for a coffee.
    known : array_like of moments, shape (m,), optional
        When each click became known, where that is later than it happened.
    retracted : array_like of moments, shape (m,), optional
        When each click was taken back (a robot, a slip); missing for most. From then on it does not count.
    now : moment, optional
        Only what was known before it is read; without it everything.

    Returns
    -------
    ImplicitLabels

    Raises
    ------
    DataError
        For arrays of different lengths, a key that comes twice, a dwell below zero.

    Notes
    -----
    O((n + m) log). A label can change after it was known: a click that is reported late turns a negative into a
    positive, a retraction turns it back; read the same events at both moments to see either.

    Examples
    --------
    >>> found = click_labels([0, 0, 0], [0, 1, 1], [5, 2, 900], within="10us", now=100)
    >>> found.label.tolist(), found.known.tolist(), found.counts["outside"]
    ([1.0, 1.0, 0.0], [5, 2, 10], 1)
    """
    start = moments_of(shown, "shown")
    n = len(start)
    if (start >= NEVER).any():
        raise DataError("an impression has no moment", row=int((start >= NEVER).argmax()) + 1, column="shown")
    row = _places(impression, key, n)
    at = moments_of(clicked, "clicked")
    m = len(row)
    seconds = np.full(m, np.nan) if dwell is None else numbers(dwell, "dwell")
    came = at if known is None else moments_of(known, "known")
    gone = np.full(m, NEVER) if retracted is None else moments_of(retracted, "retracted")
    for name, values in (("clicked", at), ("dwell", seconds), ("known", came), ("retracted", gone)):
        if values.shape != (m,):
            raise DataError(f"{m} clicks came with {values.size} values of `{name}`; give one per click.")
    came = np.maximum(came, at)
    if (seconds < 0).any():
        wrong = int((seconds < 0).argmax())
        raise DataError("a dwell below zero", row=wrong + 1, column="dwell", value=float(seconds[wrong]))
    for name, limit in (("least", least), ("cap", cap)):
        if limit is None:
            continue
        number(f"click_labels: {name}, in seconds,", limit, above=0, most=1e9)
        if dwell is None:
            raise ConfigError(f"click_labels: {name} needs the dwell of each click (dwell=).")
    horizon = duration_us(within, what="within")
    wait = 0 if least is None else round(least * 1_000_000)
    limit_us = NEVER if now is None else moment_at(now, "now")

    matched = row >= 0
    since = np.where(matched, start[np.maximum(row, 0)] if n else 0, 0)
    inside = matched & (at >= since) & (at - since < horizon)
    short = inside & ~(seconds >= least) if least is not None else np.zeros(m, dtype=np.bool_)
    ready = np.where(came >= NEVER, NEVER, np.maximum(came, at + wait))
    unseen = inside & ~short & (ready >= limit_us)
    back = inside & ~short & ~unseen & (gone < limit_us)
    counted = inside & ~short & ~unseen & ~back

    clicks = np.bincount(row[counted], minlength=n).astype(np.int64)
    first = np.full(n, NEVER)
    np.minimum.at(first, row[counted], ready[counted])
    undone = np.full(n, -NEVER)
    np.maximum.at(undone, row[back], gone[back])
    deadline = start + horizon + wait
    negative_known = np.maximum(deadline, undone)
    label = np.where(clicks > 0, 1.0, np.where(negative_known < limit_us, 0.0, np.nan))
    settled = np.where(clicks > 0, first, np.where(negative_known < limit_us, negative_known, NEVER))
    strength = _strength(label, row[counted], seconds[counted], cap)
    counts = {
        "impressions": n,
        "positive": int((label == 1).sum()),
        "negative": int((label == 0).sum()),
        "waiting": int(np.isnan(label).sum()),
        "counted": int(counted.sum()),
        "outside": int((matched & ~inside).sum()),
        "short": int(short.sum()),
        "retracted": int(back.sum()),
        "unseen": int(unseen.sum()),
        "unmatched": int((~matched).sum()),
    }
    notes = []
    if counts["unmatched"]:
        notes.append(f"{counts['unmatched']} of {m} clicks belong to no impression that is here")
    if least is not None and (unknown := int((short & np.isnan(seconds)).sum())):
        notes.append(f"{unknown} clicks have no dwell and do not count")
    return ImplicitLabels(label, settled, strength, clicks, counts, tuple(notes))


def examination(position: Any, label: Any, *, level: float = 0.95) -> dict[Any, Estimate]:
    """How often each position is looked at, relative to the first, from a log in which chance chose what stood where.

    Parameters
    ----------
    position : array_like, shape (n,)
    label : array_like of 0 and 1, shape (n,)

    Returns
    -------
    dict of position to Estimate
        Click rate over that of the first position (the smallest), in sorted order, with intervals on the log scale; NaN
        where there is no click. In a log of a policy that puts good items first this would measure the policy.

    References
    ----------
    Joachims, Swaminathan and Schnabel, "Unbiased Learning-to-Rank with Biased Feedback", 2017.

    Examples
    --------
    >>> rates = examination([1, 1, 1, 1, 2, 2, 2, 2], [1, 1, 0, 0, 1, 0, 0, 0])
    >>> {place: rate.value for place, rate in rates.items()}
    {1: 1.0, 2: 0.5}
    """
    level = level_of("level", level)
    y = _binary(label)
    places = strata_of(position)
    if len(places.code) != len(y):
        raise DataError(f"{len(places.code)} positions meet {len(y)} labels.")
    found: dict[Any, Estimate] = {}
    base: tuple[float, int] | None = None
    for name, rows in zip(places.names, places.places(), strict=True):
        rate = float(y[rows].mean()), len(rows)
        if base is None:
            base = rate
            found[name] = Estimate(1.0, 1.0, 1.0, rate[1]) if rate[0] > 0 else Estimate(np.nan, n=rate[1])
        else:
            found[name] = _relative(rate, base, level)
    return found


def position_weights(label: Any, position: Any, chance: Mapping[Any, Any], *, cap: float = 20.0) -> Floats:
    """Weights by which clicks at any position count as if all had been looked at: ``1 / chance`` for positives, else 1.

    Parameters
    ----------
    label : array_like of 0 and 1, shape (n,)
    position : array_like, shape (n,)
    chance : mapping of position to number or Estimate
        Such as :func:`examination` gives.
    cap : float, default 20
        No weight is greater: a position that is hardly ever looked at would rule all else.

    Examples
    --------
    >>> position_weights([1, 1, 0], [1, 2, 2], {1: 1.0, 2: 0.5}).tolist()
    [1.0, 2.0, 1.0]
    """
    cap = number("cap", cap, above=0)
    if not isinstance(chance, Mapping):
        raise ConfigError(f"chance is a mapping from position to number, got {type(chance).__name__}.")
    y = _binary(label)
    places = strata_of(position)
    if len(places.code) != len(y):
        raise DataError(f"{len(places.code)} positions meet {len(y)} labels.")
    values = np.ones(len(places))
    for code, name in enumerate(places.names):
        if name not in chance:
            raise DataError("nobody knows how often this position is looked at", column="position", value=name)
        value = chance[name]
        looked = value.value if isinstance(value, Estimate) else value
        if not (isinstance(looked, int | float | np.number) and looked > 0):
            raise DataError("a chance to be looked at is a number above zero", column="position", value=name)
        values[code] = looked
    weight = np.where(y == 1, 1 / values[places.code], 1.0) if len(y) else np.ones(0)
    return np.asarray(np.minimum(weight, cap))


# ---- inside -----------------------------------------------------------------------------------------------


def _places(impression: Any, key: Any, n: int) -> Ints:
    """The place of each click's impression, -1 where it is not here."""
    if key is None:
        places = np.asarray(listed(impression, "impression"))
        if len(places) and (places.dtype.kind not in "iu" or places.ndim != 1):
            raise DataError("impressions are named by place, whole numbers from 0; pass key= to name them otherwise.")
        places = places.astype(np.int64)
        return np.where((places >= 0) & (places < n), places, -1)
    names, wanted = listed(key, "key"), listed(impression, "impression")
    for what, values in (("key", names), ("impression", wanted)):
        wrong = next((row for row, name in enumerate(values) if getattr(name, "__hash__", None) is None), None)
        if wrong is not None:
            raise DataError("a name is a text or a number", row=wrong + 1, column=what, value=values[wrong])
    if len(names) != n:
        raise DataError(f"{n} impressions came with {len(names)} keys.")
    index = {name: place for place, name in enumerate(names)}
    if len(index) != n:
        seen: set[Any] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError("two impressions have one key", column="key", value=twice)
    return np.fromiter((index.get(name, -1) for name in wanted), dtype=np.int64, count=len(wanted))


def _strength(label: Floats, row: Ints, seconds: Floats, cap: float | None) -> Floats:
    if cap is None:
        return label.copy()
    total = np.bincount(row, weights=np.nan_to_num(seconds), minlength=len(label))
    return np.where(np.isnan(label), np.nan, np.minimum(total / cap, 1.0))


def _relative(rate: tuple[float, int], base: tuple[float, int], level: float) -> Estimate:
    """A ratio of two rates with its interval on the log scale."""
    if not (rate[0] > 0 and base[0] > 0):
        return Estimate(np.nan, n=rate[1])
    value = rate[0] / base[0]
    variance = sum((1 - p) / (p * n) for p, n in (rate, base))
    reach = math.exp(NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(variance))
    return Estimate(value, value / reach, value * reach, rate[1])


def _binary(label: Any) -> Floats:
    y = numbers(label, "labels")
    if y.ndim != 1:
        raise DataError(f"labels have shape (n,), got {y.shape}.")
    wrong = (y != 0) & (y != 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError("a label is 0 or 1; leave out what is still waiting", row=row + 1, value=float(y[row]))
    return y
