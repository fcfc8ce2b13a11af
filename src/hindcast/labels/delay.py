"""How long labels take, from rows of which some are still waiting.

The delays seen so far are no fair sample: of the young rows only the fast labels have come. A row whose label has not
come by now still says that its delay is longer than its age, and the product-limit estimate (Kaplan and Meier) uses
just that. Where some rows turn out never to have a label (a cancelled flight), that is a second way to stop waiting,
and the share of labels known by an age is the cumulative incidence of Aalen and Johansen; without such rows it is one
minus Kaplan-Meier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.labels.moments import about, moment_at, moments_of
from hindcast.metrics import Estimate
from hindcast.parameters import choice, level_of, whole
from hindcast.parameters import share as share_of
from hindcast.trainset import Spine
from hindcast.values import (
    NEVER,
    Bools,
    Duration,
    Floats,
    Ints,
    Moment,
    duration_us,
    moment_us,
)

__all__ = ["DelayCurve", "delay_curve", "delay_curves", "spine_delay_curve"]

_NAN = float("nan")
Interval = Literal["log-log", "greenwood"]


@dataclass(frozen=True, slots=True, eq=False)
class DelayCurve:
    """The share of rows whose label is known by each age, with intervals.

    Parameters
    ----------
    age : int64 array, shape (k,)
        Rising ages in microseconds at which labels came or waiting ended.
    known : float64 array, shape (k,)
        Share of all rows whose label is known up to and including that age.
    variance : float64 array, shape (k,)
        Of `known`.
    waiting : float64 array, shape (k,)
        Share of rows that still wait after that age: 1 - known - those that will never have a label.
    at_risk : int64 array, shape (k,)
        Rows that waited and were watched just before that age.
    n, labelled, never, censored : int
        Rows asked; of them with a label, known never to have one, and still waiting.
    longest : int
        The greatest age watched; nothing is known beyond it.
    level : float
    interval : {"log-log", "greenwood"}
    notes : tuple of str

    References
    ----------
    Kaplan and Meier 1958; Greenwood 1926; Aalen and Johansen 1978; Kalbfleisch and Prentice, "The Statistical Analysis
    of Failure Time Data", 2002.
    """

    age: Ints
    known: Floats
    variance: Floats
    waiting: Floats
    at_risk: Ints
    n: int
    labelled: int
    never: int
    censored: int
    longest: int
    level: float = 0.95
    interval: Interval = "log-log"
    notes: tuple[str, ...] = field(default=())

    def share(self, age: Duration | int | Any) -> Any:
        """The share of labels known at `age` (a duration, microseconds, or an array of them); NaN beyond `longest`."""
        if isinstance(age, np.ndarray | list):
            ages = np.array([_age_us(one) for one in age], dtype=np.int64) if isinstance(age, list) else age
            if ages.dtype.kind not in "iu":
                raise ConfigError(f"ages are microseconds (whole numbers) or durations such as '7d', got {ages.dtype}.")
            return self._at(ages.astype(np.int64), self.known)
        return float(self._at(np.array([_age_us(age)]), self.known)[0])

    def estimate(self, age: Duration | int) -> Estimate:
        """The share known at `age`, with its pointwise interval."""
        at = np.array([_age_us(age)])
        low, high = self.bounds()
        value, lower, upper = (float(self._at(at, series)[0]) for series in (self.known, low, high))
        return Estimate(value, lower, upper, self.n)

    def quantile(self, share: float) -> Estimate:
        """The age by which `share` of all rows have their label, in microseconds, with its interval.

        NaN where the curve does not get there; an upper bound that it does not get to is NaN too: nobody has waited
        long enough to know.
        """
        share = share_of("share", share, zero=True)
        low, high = self.bounds()
        return Estimate(self._reached(self.known, share), self._reached(high, share), self._reached(low, share), self.n)

    def bounds(self) -> tuple[Floats, Floats]:
        """The pointwise interval of `known`, shape (k,) twice: on the log-log scale or plain, within [0, 1]."""
        z = NormalDist().inv_cdf(0.5 + self.level / 2)
        error = np.sqrt(self.variance)
        f = self.known
        if self.interval == "greenwood":
            return np.clip(f - z * error, 0, 1), np.clip(f + z * error, 0, 1)
        inner = (f > 0) & (f < 1)
        safe = np.where(inner, f, 0.5)
        s = 1 - safe
        reach = np.exp(np.minimum(z * error / (s * -np.log(s)), 700.0))
        low = np.where(inner, 1 - s ** (1 / reach), f)
        high = np.where(inner, 1 - s**reach, f)
        return low, high

    def never_share(self) -> Estimate:
        """The share of rows that had no label by the greatest age watched: still waiting then, or never to have one."""
        if not len(self.age):
            return Estimate(_NAN, n=self.n)
        low, high = self.bounds()
        return Estimate(1 - float(self.known[-1]), 1 - float(high[-1]), 1 - float(low[-1]), self.n)

    def describe(self) -> dict[str, Any]:
        """Plain data: counts, quantiles as texts, notes."""
        quantiles = {}
        for share in (0.5, 0.9, 0.95, 0.99):
            at = self.quantile(share).value
            quantiles[f"{share:g}"] = None if math.isnan(at) else about(int(at))
        return {
            "rows": self.n,
            "labelled": self.labelled,
            "never": self.never,
            "waiting": self.censored,
            "quantiles": quantiles,
            "notes": list(self.notes),
        }

    def figure(self, *, title: str = "", points: int = 500) -> dict[str, Any]:
        """A plotly figure as plain data: the share known by age in hours, its band, and the medians and nineties.

        At most `points` steps are drawn; pass it to ``plotly.graph_objects.Figure`` or to plotly.js.
        """
        points = whole("points", points, least=2)
        picks = np.arange(len(self.age))
        if len(picks) > points:
            picks = np.unique(np.linspace(0, len(self.age) - 1, points).round().astype(np.int64))
        low, high = self.bounds()
        hours = [0.0, *(self.age[picks] / 3.6e9).round(6).tolist()]
        hours = [*hours, max(hours[-1], round(self.longest / 3.6e9, 6))]

        def steps(series: Floats) -> list[float]:
            values = [0.0, *series[picks].round(6).tolist()]
            return [*values, values[-1]]

        line = {"shape": "hv", "width": 0}
        band = {"type": "scatter", "mode": "lines", "x": hours, "hoverinfo": "skip", "showlegend": False}
        data: list[dict[str, Any]] = [
            {**band, "y": steps(low), "line": line},
            {**band, "y": steps(high), "line": line, "fill": "tonexty", "fillcolor": "rgba(70,110,180,0.2)"},
            {
                "type": "scatter",
                "mode": "lines",
                "x": hours,
                "y": steps(self.known),
                "name": "labels known",
                "line": {"shape": "hv", "width": 2, "color": "rgb(70,110,180)"},
                "hovertemplate": "%{x:.3g} h: %{y:.1%}<extra></extra>",
            },
        ]
        marks = []
        for share in (0.5, 0.9, 0.99):
            at = self.quantile(share).value
            if not math.isnan(at):
                text = f"{share:.0%} by {about(int(at))}"
                marks.append({"x": at / 3.6e9, "y": share, "text": text, "showarrow": True, "ax": 40, "ay": 20})
        layout = {
            "title": {"text": title},
            "xaxis": {"title": {"text": "age, hours"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": "share of labels known"}, "range": [0, 1], "tickformat": ".0%"},
            "annotations": marks,
            "showlegend": False,
        }
        return {"data": data, "layout": layout}

    def _at(self, age: Ints, series: Floats) -> Floats:
        place = np.searchsorted(self.age, age, side="right")
        values = np.concatenate([[0.0], series])[place]
        if len(self.waiting) and self.waiting[-1] <= 1e-12:  # nobody waits any more: it stays as it is
            return values
        return np.where(age > self.longest, _NAN, values)

    def _reached(self, series: Floats, share: float) -> float:
        if share <= 0:
            return 0.0
        place = int(np.searchsorted(np.maximum.accumulate(series), share - 1e-12)) if len(series) else 0
        return float(self.age[place]) if place < len(series) else _NAN


def delay_curve(
    asked: Any,
    known: Any,
    *,
    now: Moment | None = None,
    never: Any = None,
    entered: Any = None,
    level: float = 0.95,
    interval: Interval = "log-log",
) -> DelayCurve:
    """The feedback loop's length: how long after being asked rows get their label.

    Parameters
    ----------
    asked : array_like of moments, shape (n,)
        When each row was asked: microseconds, datetime64, or aware datetimes.
    known : array_like of moments, shape (n,)
        When its label became known; None, NaT, NaN or NEVER where it has not.
    now : moment, optional
        What is known from it on does not count, and rows asked later are left out. Without it just after the last
        moment in the data.
    never : array_like of moments, shape (n,), optional
        When it became clear that a row will never have a label; missing where that is not so.
    entered : array_like of moments, shape (n,), optional
        Since when a row has been watched, where that is later than `asked` (left truncation): rows whose label came
        before anybody watched are not in the data, and this corrects for them.
    level : float, default 0.95
    interval : {"log-log", "greenwood"}
        The log-log interval holds for small samples and near 0 and 1; Greenwood's is symmetric.

    Returns
    -------
    DelayCurve
        A label known before its question has the age 0; notes count those.

    Raises
    ------
    DataError
        For arrays of different lengths; for a row that was entered after its label was known, or twice decided.

    Notes
    -----
    O(n log n). The ages of rows that are still waiting are assumed to say nothing about their delay: true when rows
    come at a steady mixture, wrong where the newest rows are of another kind.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> curve = delay_curve([0, 0, 0, 2 * hour], [hour, 3 * hour, None, None], now=4 * hour)
    >>> curve.share("1h"), curve.share("3h"), curve.censored
    (0.25, 0.625, 2)
    """
    level = level_of("level", level)
    choice("interval", interval, ("log-log", "greenwood"), where="delay_curve")
    start, end = moments_of(asked, "asked"), moments_of(known, "known")
    gone = np.full(len(start), NEVER) if never is None else moments_of(never, "never")
    since = start if entered is None else moments_of(entered, "entered")
    for name, values in (("known", end), ("never", gone), ("entered", since)):
        if len(values) != len(start):
            raise DataError(f"{len(start)} rows were asked and `{name}` has {len(values)} moments; give one per row.")
    if (start >= NEVER).any():
        raise DataError("a row has no moment at which it was asked", row=int((start >= NEVER).argmax()) + 1)
    both = (end < NEVER) & (gone < NEVER)
    if both.any():
        raise DataError("a row has a label and is said never to have one", row=int(both.argmax()) + 1)
    last = [int(values[values < NEVER].max()) + 1 for values in (start, end, gone) if (values < NEVER).any()]
    now_us = max(last, default=0) if now is None else moment_at(now, "now")
    return _curve(start, end, gone, since, now_us, level, interval)


def spine_delay_curve(
    spine: Spine,
    now: Moment = NEVER,
    *,
    by: str | None = None,
    level: float = 0.95,
    interval: Interval = "log-log",
) -> Any:
    """The delay curve of a target's labels; with `by`, a column of the requests, one curve for each of its values.

    A row whose outcome came without a label (a null outcome) is one that will never have a label, from that moment on.
    """
    answered = np.where(spine.label_known < NEVER, NEVER, spine.answered)
    moments: dict[str, Any] = {"known": spine.label_known, "never": answered}
    now = _end(spine) if moment_us(now, what="now") >= NEVER else now
    if by is None:
        return delay_curve(spine.as_of, now=now, level=level, interval=interval, **moments)
    codes, names = spine.frame[by].codes()
    every = [*names, None] if (codes < 0).any() else list(names)
    return {
        name: delay_curve(
            spine.as_of[here],
            now=now,
            level=level,
            interval=interval,
            known=spine.label_known[here],
            never=answered[here],
        )
        for at, name in enumerate(every)
        for here in [codes == (at if at < len(names) else -1)]
    }


def delay_curves(
    groups: Any, asked: Any, known: Any, *, now: Moment | None = None, **options: Any
) -> Mapping[Any, DelayCurve]:
    """One curve for each group of rows (a carrier, a class of label): bad news may take longer.

    `groups` is one column or several, as for :func:`hindcast.sampling.strata_of`; the rest as for :func:`delay_curve`.

    Examples
    --------
    >>> curves = delay_curves(["a", "b"], [0, 0], [10, 20], now=100)
    >>> {name: curve.quantile(0.5).value for name, curve in curves.items()}
    {'a': 10.0, 'b': 20.0}
    """
    from hindcast.sampling import strata_of

    parts = strata_of(groups)
    columns: dict[str, Any] = {"asked": moments_of(asked, "asked"), "known": moments_of(known, "known")}
    for name in ("never", "entered"):
        if options.get(name) is not None:
            columns[name] = moments_of(options.pop(name), name)
    for name, values in columns.items():
        if len(values) != len(parts.code):
            raise DataError(f"{len(parts.code)} rows have a group and `{name}` has {len(values)} moments.")
    if now is None:
        seen = [int(values[values < NEVER].max()) + 1 for values in columns.values() if (values < NEVER).any()]
        now = max(seen, default=0)
    return {
        part: delay_curve(now=now, **{name: values[rows] for name, values in columns.items()}, **options)
        for part, rows in zip(parts.names, parts.places(), strict=True)
    }


# ---- the estimate -----------------------------------------------------------------------------------------


def _curve(start: Ints, end: Ints, gone: Ints, since: Ints, now: int, level: float, interval: Interval) -> DelayCurve:
    inside = (start <= now) & (since <= now)
    left_out = int((~inside).sum())
    start, end, gone, since = (values[inside] for values in (start, end, gone, since))
    came, lost = end < now, gone < now
    early = came & (end <= start)
    stop = np.where(came, end, np.where(lost, gone, now)) - start
    stop = np.maximum(stop, 0)
    entry = np.where(since > start, since - start, -1)  # watched from the start on: before every age
    wrong = (entry > 0) & (entry >= stop) & (came | lost)
    if wrong.any():
        raise DataError(
            "a row was decided before anybody watched it; leave such rows out",
            row=int(np.flatnonzero(inside)[wrong.argmax()]) + 1,
        )
    ages, labelled, ended, risk = _tally(stop, entry, came, lost)
    known, variance, waiting = _incidence(labelled, ended, risk)
    notes = []
    if early.any():
        notes.append(f"{int(early.sum())} labels were known when their question was asked: their age is 0")
    if left_out:
        notes.append(f"{left_out} rows asked (or first watched) after now are left out")
    if (entry > 0).any() and (risk[: max(len(risk) // 2, 1)] <= 1).any():
        notes.append("almost nobody was watched from the start, so the curve hangs on a few rows there")
    longest = int(stop.max(initial=0))
    if len(start) and not came.any():
        notes.append("no label has come yet")
    elif len(start) and known[-1] < 0.99:
        share = 1 - known[-1]
        notes.append(
            f"{share:.1%} of labels have not come by the greatest age watched, {about(longest)}: nothing says "
            "whether they ever will"
            if waiting[-1] > 1e-9
            else f"{share:.1%} of rows never get a label"
        )
    return DelayCurve(
        ages,
        known,
        variance,
        waiting,
        risk,
        len(start),
        int(came.sum()),
        int(lost.sum()),
        int((~came & ~lost).sum()),
        longest,
        level,
        interval,
        tuple(notes),
    )


def _tally(stop: Ints, entry: Ints, came: Bools, lost: Bools) -> tuple[Ints, Ints, Ints, Ints]:
    """At each age at which something happened: labels that came, rows lost, rows watched just before."""
    ages = np.unique(stop[came | lost])
    labelled = np.bincount(np.searchsorted(ages, stop[came]), minlength=len(ages))
    ended = labelled + np.bincount(np.searchsorted(ages, stop[lost]), minlength=len(ages))
    watched = np.searchsorted(np.sort(entry), ages, side="left")  # entered strictly before: a tie is not yet at risk
    left = np.searchsorted(np.sort(stop), ages, side="left")
    return ages, labelled.astype(np.int64), ended.astype(np.int64), (watched - left).astype(np.int64)


def _incidence(labelled: Ints, ended: Ints, risk: Ints) -> tuple[Floats, Floats, Floats]:
    """The cumulative incidence of labels, its variance, and the share still waiting.

    The variance is the delta method's (Marubini and Valsecchi 1995, section 10.3): with ``G_j = F(t) - F(t_j)`` a sum
    over j of ``G_j^2 d_j / (n_j (n_j - d_j)) + S_{j-1}^2 l_j (n_j - l_j) / n_j^3 - 2 G_j S_{j-1} l_j / n_j^2``, put
    together from running sums. Without a second way to stop it equals Greenwood's.
    """
    n, d, own = risk.astype(np.float64), ended.astype(np.float64), labelled.astype(np.float64)
    if not len(n):
        nothing = np.zeros(0)
        return nothing, nothing, nothing
    waiting = np.cumprod(1 - d / n)
    before = np.concatenate([[1.0], waiting[:-1]])
    f = np.cumsum(before * own / n) if (own != d).any() else 1 - waiting
    remain = n - d
    hazard = np.divide(d, n * remain, out=np.zeros(len(n)), where=remain > 0)
    cross = before * own / n**2
    # of two parts G^2 and G the running sums are taken around each F(t_j)
    c0, c1, c2 = (np.cumsum(hazard * f**power) for power in (0, 1, 2))
    e0, e1 = (np.cumsum(cross * f**power) for power in (0, 1))
    variance = f**2 * c0 - 2 * f * c1 + c2 + np.cumsum(before**2 * own * (n - own) / n**3) - 2 * (f * e0 - e1)
    return np.asarray(np.minimum(f, 1.0)), np.asarray(np.maximum(variance, 0.0)), np.asarray(waiting)


def _age_us(age: Any) -> int:
    return int(age) if isinstance(age, int | np.integer) else duration_us(age, what="age")


def _end(spine: Spine) -> int:
    """Just after the last moment that the spine tells of."""
    parts = [spine.as_of, spine.label_known, spine.answered]
    return max((int(p[p < NEVER].max()) + 1 for p in parts if (p < NEVER).any()), default=0)
