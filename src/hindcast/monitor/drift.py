"""Live windows held against a reference, at many moments at once or one at a time, with the same result.

Rows are binned once when they are observed; a look subtracts running counts. What is found is an effect per feature,
statistic and look; what alarms is an effect above its threshold, said once per feature until it ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import DataError
from hindcast.metrics.divergence import psi
from hindcast.monitor.alerts import Alert, CoolDown, Severity
from hindcast.monitor.bins import Codes
from hindcast.monitor.profiles import REQUESTS, Profile, Reference, mixture, volume_effect, watched
from hindcast.monitor.thresholds import Threshold
from hindcast.monitor.windows import Windows, check_forward
from hindcast.values import Duration, Floats, Ints, duration_text, duration_us

__all__ = ["DriftMonitor", "Looks"]

_KINDS = {"shift": "drift", "shape": "drift", "unseen_share": "drift", "null_share": "freshness", "volume": "volume"}
_ACTIONS = {
    "drift": "Check the source's units, codes and schema first; if the world has changed, retrain.",
    "freshness": "Check whether the source is late or its join keys changed; predictions run without these values.",
    "volume": "Check the callers and the stream of requests.",
}
_SHOWN_BINS = 3
_NEARLY = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What a number of looks found.

    Parameters
    ----------
    at_us : int64 array, shape (looks,)
    rows : int64 array, shape (looks,)
        Rows in the window that ends at each look.
    tests : tuple of (feature, statistic)
    effects : float64 array, shape (looks, tests)
        NaN where a window was not judged: before a whole window had passed, or with too few rows.
    thresholds : float64 array, shape (tests,)
        NaN where nothing could be calibrated.
    alerts : tuple of Alert
        In order of time.
    """

    at_us: Ints
    rows: Ints
    tests: tuple[tuple[str, str], ...]
    effects: Floats
    thresholds: Floats
    alerts: tuple[Alert, ...]

    @property
    def unjudged(self) -> int:
        """How many of the tests at these looks could not be judged: never good news."""
        return int(np.isnan(self.effects).sum())

    def effect(self, feature: str, statistic: str) -> Floats:
        """One test's effects over time, shape (looks,)."""
        return self.effects[:, self.tests.index((feature, statistic))]


class DriftMonitor:
    """Watches requests' features, the prediction and their number against a reference.

    Laws: observing all rows and looking at all moments at once gives the same effects and alerts, to the bit, as
    observing them in any blocks and looking one moment after the other; rows at or after a look change nothing
    about it; the order of rows does not matter.

    Parameters
    ----------
    reference : Reference
    start_us : int, optional
        The moment from which all requests are observed: no window that begins earlier is judged. By default the
        first observed as_of.
    again : duration, default "28d"
        A condition that lasts is said again after so long.
    quiet : duration, default "3d"
        A condition has ended when for longer than this its effect stayed below four fifths of the threshold.

    Examples
    --------
    >>> from hindcast.values import HOUR_US
    >>> rng = np.random.default_rng(0)
    >>> as_of = np.arange(0, 60 * 24) * HOUR_US
    >>> frame = Frame.of({"delay": rng.normal(10, 3, as_of.size)})
    >>> reference = Reference.learn(frame, as_of, window="48h")
    >>> monitor = DriftMonitor(reference, start_us=0)
    >>> monitor.observe(Frame.of({"delay": 100 * frame["delay"].values}), as_of)
    >>> [(alert.feature, alert.statistic) for alert in monitor.look([48 * HOUR_US, 54 * HOUR_US]).alerts]
    [('delay', 'shift')]
    """

    def __init__(
        self,
        reference: Reference,
        *,
        start_us: int | None = None,
        again: Duration = "28d",
        quiet: Duration = "3d",
    ) -> None:
        self.reference, self.start_us = reference, start_us
        self._cool = CoolDown(quiet_us=duration_us(quiet, what="quiet"), again_us=duration_us(again, what="again"))
        self._last_us: int | None = None
        self._as_of: list[Ints] = []
        self._kinds: list[Ints] = []
        self._codes: list[list[Codes]] = []
        self._tests: list[tuple[Profile | None, str, Threshold]] = [
            (profile, which, profile.thresholds[which])
            for profile in reference.profiles
            for which in profile.bins.statistics
        ]
        self._tests.append((None, "volume", reference.volume_threshold))
        self._names = [(REQUESTS if profile is None else profile.name, which) for profile, which, _ in self._tests]
        position = {profile.name: k for k, profile in enumerate(reference.profiles)}
        self._profile_of = [None if profile is None else position[profile.name] for profile, *_ in self._tests]

    # ---- observing ------------------------------------------------------------------------------------------

    def observe(self, features: Frame, as_of: Ints, prediction: Floats | None = None) -> None:
        """Take note of requests, once each, before the first look after their as_of; O(rows x features).

        A watched column that is missing counts as null in every row. Rows that an earlier look's window should have
        held are refused: that look can no longer count them.
        """
        as_of = np.asarray(as_of, dtype=np.int64)
        if as_of.shape != (len(features),):
            raise DataError(f"{len(features)} rows of features meet as-of moments of shape {as_of.shape}.")
        if not as_of.size:
            return
        if self._last_us is not None and int(as_of.min()) < self._last_us:
            row = int(np.flatnonzero(as_of < self._last_us)[0])
            raise DataError("a request is older than the last look; observe before looking", row=row + 1)
        columns, _ = watched(features, prediction)
        if self.start_us is None:
            self.start_us = int(as_of.min())
        self._as_of.append(as_of)
        self._kinds.append(self.reference.season.of_moments(as_of))
        self._codes.append([p.bins.codes(columns.get(p.name), as_of.size) for p in self.reference.profiles])

    # ---- looking --------------------------------------------------------------------------------------------

    def look(self, at_us: Sequence[int] | Ints) -> Looks:
        """Judge the windows ``[t - window, t)`` that end at each of these moments, strictly increasing.

        Cost: one count of the rows per feature for all moments together.
        """
        moments = np.asarray(at_us, dtype=np.int64).reshape(-1)
        check_forward(moments, self._last_us)
        as_of = np.concatenate([np.zeros(0, dtype=np.int64), *self._as_of])
        kinds = np.concatenate([np.zeros(0, dtype=np.int64), *self._kinds])
        windows = Windows.of(as_of, moments - self.reference.window_us, moments)
        start = self.start_us if self.start_us is not None else 1 << 62
        whole = np.where(windows.start_us >= start, 0.0, np.nan)[:, None]
        composition = windows.counts(kinds, self.reference.season.kinds)
        rows = composition.sum(axis=1)
        effects = np.full((moments.size, len(self._tests)), np.nan)
        found: list[tuple[Floats, Floats]] = []
        column = 0
        for k, profile in enumerate(self.reference.profiles):
            codes = np.concatenate([np.zeros(0, dtype=np.int16), *(block[k] for block in self._codes)])
            counts = windows.counts(codes, profile.bins.size)
            expected = mixture(profile.histogram, composition)
            by_name = profile.bins.effects(expected, counts, self.reference.min_rows, profile.min_values)
            for which in profile.bins.statistics:
                effects[:, column] = by_name[which]
                column += 1
            found.append((expected, counts))
        usual = self.reference.volume.expected(windows.start_us, moments)
        effects[:, column] = volume_effect(rows, usual)
        effects += whole
        alerts = self._alerts(moments, rows, usual, effects, found)
        if moments.size:
            self._last_us = int(moments[-1])
            self._forget(self._last_us - self.reference.window_us)
        levels = np.array([threshold.level for *_, threshold in self._tests])
        return Looks(moments, rows.astype(np.int64), tuple(self._names), effects, levels, alerts)

    def _forget(self, before_us: int) -> None:
        """Drop the rows that no later window can hold."""
        for k in range(len(self._as_of)):
            keep = self._as_of[k] >= before_us
            if not keep.all():
                self._as_of[k], self._kinds[k] = self._as_of[k][keep], self._kinds[k][keep]
                self._codes[k] = [codes[keep] for codes in self._codes[k]]
        full = [k for k, block in enumerate(self._as_of) if block.size]
        self._as_of = [self._as_of[k] for k in full]
        self._kinds = [self._kinds[k] for k in full]
        self._codes = [self._codes[k] for k in full]

    def state(self) -> dict[str, Any]:
        """Plain data from which :meth:`resume` goes on, together with the requests of the last window."""
        return {"start_us": self.start_us, "last_us": self._last_us, "cool": self._cool.state()}

    def resume(self, state: Mapping[str, Any], features: Frame, as_of: Ints, prediction: Floats | None = None) -> None:
        """Go on from what :meth:`state` gave and the requests since one window before its last look."""
        self.start_us, self._last_us = state["start_us"], None
        self._as_of, self._kinds, self._codes = [], [], []
        self._cool.resume(state["cool"])
        self.observe(features, as_of, prediction)
        self._last_us = state["last_us"]

    # ---- telling --------------------------------------------------------------------------------------------

    def _alerts(
        self, moments: Ints, rows: Floats, usual: Floats, effects: Floats, found: list[tuple[Floats, Floats]]
    ) -> tuple[Alert, ...]:
        levels = np.array([threshold.level for *_, threshold in self._tests])
        ratio = effects / levels
        near = ratio > _NEARLY  # NaN on either side is never near
        alerts = []
        for look in np.flatnonzero(near.any(axis=1)).tolist():
            at = int(moments[look])
            worst: dict[str, dict[str, int]] = {}
            for test in np.flatnonzero(near[look]).tolist():
                which = self._tests[test][1]
                best = worst.setdefault(_KINDS[which], {})
                name = self._names[test][0]
                if name not in best or ratio[look, test] > ratio[look, best[name]]:
                    best[name] = test
            for kind in sorted(worst):
                order = sorted(worst[kind].values(), key=lambda test: (-ratio[look, test], self._names[test]))
                speaking = [test for test in order if self._speaks(kind, test, effects[look, test] > levels[test], at)]
                if speaking:
                    k = self._profile_of[speaking[0]]
                    pair = None if k is None else (found[k][0][look], found[k][1][look])
                    alerts.append(self._alert(at, kind, speaking, effects[look], rows[look], usual[look], pair))
        return tuple(alerts)

    def _speaks(self, kind: str, test: int, over: bool, at_us: int) -> bool:
        key = f"{kind}:{self._names[test][0]}"
        if over:
            return self._cool.speaks(key, at_us)
        self._cool.lasts(key, at_us)
        return False

    def _alert(
        self,
        at: int,
        kind: str,
        tests: list[int],
        effects: Floats,
        rows: float,
        usual: float,
        counts: tuple[Floats, Floats] | None,
    ) -> Alert:
        profile, which, threshold = self._tests[tests[0]]
        names = [self._names[test][0] for test in tests]
        effect, name = float(effects[tests[0]]), names[0]
        evidence: dict[str, Any] = {"rows": int(rows), "rows_expected": round(float(usual), 1)}
        evidence["reference_largest"] = threshold.largest
        said = f"{int(rows)} requests where about {usual:.0f} were expected"
        if profile is not None and counts is not None:
            expected, seen = counts
            evidence["effects"] = {
                w: float(effects[k])
                for k, (p, w, _) in enumerate(self._tests)
                if p is profile and math.isfinite(effects[k])
            }
            evidence["psi"] = float(psi(expected, seen))
            evidence["bins"] = _bins_moved(profile, expected, seen)
            said = "; ".join(
                f"{b['window']:.0%} {b['bin']}, usually {b['reference']:.0%}" for b in evidence["bins"][:2]
            )
        window = duration_text(self.reference.window_us)
        others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        sentence = (
            f"{name}{others}: {which} {effect:.3g} over the last {window}, threshold {threshold.level:.3g}: {said}."
        )
        return Alert(
            at,
            kind,
            _severity(which, effect, threshold.level),
            name,
            which,
            effect,
            threshold.level,
            threshold.floor,
            self.reference.window_us,
            tuple(names),
            sentence,
            _ACTIONS[kind],
            evidence,
        )


def _severity(statistic: str, effect: float, level: float) -> Severity:
    """Critical from twice the threshold on; a share or distance within [0, 1] also when nearer to 1 than to it."""
    bounded = statistic not in ("shift", "volume")
    return "critical" if effect > 2 * level or (bounded and effect > (1 + level) / 2) else "warning"


def _bins_moved(profile: Profile, expected: Floats, seen: Floats) -> list[dict[str, Any]]:
    """The bins whose share changed most, with their shares of rows."""
    usual, now = expected / max(expected.sum(), 1e-300), seen / max(seen.sum(), 1.0)
    order = sorted(range(profile.bins.size), key=lambda k: (-abs(now[k] - usual[k]), k))[:_SHOWN_BINS]
    return [
        {"bin": profile.bins.label(k), "reference": round(float(usual[k]), 6), "window": round(float(now[k]), 6)}
        for k in order
    ]
