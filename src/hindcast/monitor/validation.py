"""Declared expectations of features held against live windows: what must hold, whatever the reference looked like.

A drift monitor says that the world is no longer the one the model learnt. Here nothing is learnt: ranges, sets,
relations, presence and freshness are as they were declared among the gates, and a window that breaks one alarms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import DataError
from hindcast.evaluate.expectation import Expectation, Fresh
from hindcast.monitor.alerts import Alert, CoolDown, Severity
from hindcast.monitor.windows import Windows, check_forward
from hindcast.values import Duration, Floats, Ints, duration_text, duration_us

__all__ = ["ValidationLooks", "ValidationMonitor"]

_LEAST_ROWS = 30
_STATES = 4
"""What a row can be to an expectation: met or not, judged or not."""


@dataclass(frozen=True, slots=True, eq=False)
class ValidationLooks:
    """What a number of looks found.

    Attributes
    ----------
    at_us : int64 array, shape (looks,)
    met, judged, rows : float64 arrays, shape (looks, expectations)
        Rows of each window: that met the expectation, that could be judged, and all.
    alerts : tuple of Alert
        In order of time.
    """

    at_us: Ints
    met: Floats
    judged: Floats
    rows: Floats
    alerts: tuple[Alert, ...]

    def share(self) -> Floats:
        """The share of the judged rows that met each expectation, shape (looks, expectations); NaN without any."""
        result = np.full(self.met.shape, np.nan)
        np.divide(self.met, self.judged, out=result, where=self.judged > 0)
        return result


class ValidationMonitor:
    """Watches whether requests meet what is expected of their features.

    A window with at least `min_rows` rows alarms when too small a share of those that could be judged meets an
    expectation; and when fewer than `min_rows` could be judged at all, since what nobody can check must not pass for
    good. Laws: as of :class:`~hindcast.monitor.DriftMonitor`.

    Parameters
    ----------
    expectations : sequence of Expectation
    window : duration, default "24h"
        Each look judges the requests of this long before it.
    start_us : int, optional
        No window that begins earlier is judged; by default the first observed as_of.
    min_rows : int, default 30
    again, quiet : duration
        As of a drift monitor.

    Examples
    --------
    >>> from hindcast.evaluate import holds
    >>> from hindcast.values import HOUR_US
    >>> monitor = ValidationMonitor([holds("delay >= 0")], start_us=0)
    >>> as_of = np.arange(0, 100) * HOUR_US // 4
    >>> monitor.observe(Frame.of({"delay": np.where(as_of < 60 * HOUR_US // 4, 5.0, -5.0)}), as_of, {})
    >>> print(*(alert.sentence for alert in monitor.look([24 * HOUR_US]).alerts))
    holds('delay >= 0', share=1): 62.50% of 96 rows over the last 24h.
    """

    def __init__(
        self,
        expectations: Sequence[Expectation],
        *,
        window: Duration = "24h",
        start_us: int | None = None,
        min_rows: int = _LEAST_ROWS,
        again: Duration = "28d",
        quiet: Duration = "3d",
    ) -> None:
        self.expectations = tuple(expectations)
        self.window_us = duration_us(window, what="window")
        self.start_us, self.min_rows = start_us, min_rows
        self._cool = CoolDown(quiet_us=duration_us(quiet, what="quiet"), again_us=duration_us(again, what="again"))
        self._last_us: int | None = None
        self._as_of: Ints = np.zeros(0, dtype=np.int64)
        self._states = np.zeros((len(self.expectations), 0), dtype=np.int8)

    def observe(self, features: Frame, as_of: Ints, ages: Mapping[str, Floats]) -> None:
        """Take note of requests, once each, before the first look after their as_of.

        Parameters
        ----------
        features : Frame, n rows
        as_of : int64 array, shape (n,)
        ages : mapping of str to float array, shape (n,)
            Microseconds since the newest fact, of what is expected to be fresh: infinite without one, NaN where not
            measured.
        """
        as_of = np.asarray(as_of, dtype=np.int64)
        if as_of.shape != (len(features),):
            raise DataError(f"{len(features)} rows of features meet as-of moments of shape {as_of.shape}.")
        if not as_of.size:
            return
        if self._last_us is not None and int(as_of.min()) < self._last_us:
            row = int(np.flatnonzero(as_of < self._last_us)[0])
            raise DataError("a request is older than the last look; observe before looking", row=row + 1)
        if self.start_us is None:
            self.start_us = int(as_of.min())
        states = np.empty((len(self.expectations), as_of.size), dtype=np.int8)
        for at, expectation in enumerate(self.expectations):
            met, judged = expectation.rows(features, ages)
            states[at] = (met & judged).astype(np.int8) + 2 * judged.astype(np.int8)
        self._as_of = np.concatenate([self._as_of, as_of])
        self._states = np.concatenate([self._states, states], axis=1)

    def look(self, at_us: Sequence[int] | Ints) -> ValidationLooks:
        """Judge the windows ``[t - window, t)`` that end at each of these moments, strictly increasing."""
        moments = np.asarray(at_us, dtype=np.int64).reshape(-1)
        check_forward(moments, self._last_us)
        windows = Windows.of(self._as_of, moments - self.window_us, moments)
        start = self.start_us if self.start_us is not None else 1 << 62
        whole = windows.start_us >= start
        shape = (moments.size, len(self.expectations))
        met, judged, rows = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for at in range(len(self.expectations)):
            counts = windows.counts(self._states[at], _STATES)
            met[:, at], judged[:, at], rows[:, at] = counts[:, 3], counts[:, 2:].sum(axis=1), counts.sum(axis=1)
        alerts = [
            alert
            for look in range(moments.size)
            if whole[look]
            for at in range(len(self.expectations))
            if (alert := self._alert(int(moments[look]), at, met[look, at], judged[look, at], rows[look, at]))
        ]
        if moments.size:
            self._last_us = int(moments[-1])
            keep = self._as_of >= self._last_us - self.window_us
            self._as_of, self._states = self._as_of[keep], self._states[:, keep]
        return ValidationLooks(moments, met, judged, rows, tuple(alerts))

    def _alert(self, at_us: int, at: int, met: float, judged: float, rows: float) -> Alert | None:
        expectation = self.expectations[at]
        if rows < self.min_rows:
            return None
        unjudged = judged < self.min_rows
        short = 1.0 - judged / rows if unjudged else 1.0 - met / judged
        allowed = 0.0 if unjudged else 1.0 - expectation.share
        if (not unjudged and met / judged >= expectation.share) or not self._cool.speaks(expectation.name, at_us):
            return None
        is_age = isinstance(expectation, Fresh)
        window = duration_text(self.window_us)
        said = (
            f"only {judged:.0f} of {rows:.0f} rows could be judged"
            if unjudged
            else f"{met / judged:.2%} of {judged:.0f} rows"
        )
        severity: Severity = "critical" if not unjudged and short > max(2 * allowed, 0.5) else "warning"
        return Alert(
            at_us,
            "freshness" if is_age else "validation",
            severity,
            expectation.subject,
            "unjudged" if unjudged else "stale_share" if is_age else "broken_share",
            short,
            allowed,
            allowed,
            self.window_us,
            (expectation.subject,),
            f"{expectation.name}: {said} over the last {window}.",
            _ACTIONS["unjudged" if unjudged else "fresh" if is_age else "broken"],
            {"rows": int(rows), "judged": int(judged), "met": int(met), "share": expectation.share},
        )

    def state(self) -> dict[str, Any]:
        """Plain data from which :meth:`resume` goes on, together with the requests of the last window."""
        return {"start_us": self.start_us, "last_us": self._last_us, "cool": self._cool.state()}

    def resume(self, state: Mapping[str, Any], features: Frame, as_of: Ints, ages: Mapping[str, Floats]) -> None:
        """Go on from what :meth:`state` gave and the requests since one window before its last look."""
        self.start_us, self._last_us = state["start_us"], None
        self._as_of = np.zeros(0, dtype=np.int64)
        self._states = np.zeros((len(self.expectations), 0), dtype=np.int8)
        self._cool.resume(state["cool"])
        self.observe(features, as_of, ages)
        self._last_us = state["last_us"]


_ACTIONS = {
    "fresh": "Check whether the source still delivers and its pipeline keeps up; predictions run on old values.",
    "broken": "Look at the rows that break it: a unit, a code or a join has changed, or the expectation is wrong.",
    "unjudged": "Find out why the values are missing: what cannot be checked does not count as met.",
}
