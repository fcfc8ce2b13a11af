"""Watching while the loop turns: drift of what is asked, decay of how well it is answered.

Looks at many moments cost little more than one, and rows after a look change nothing about it; so where the rows
are there already (a replay), looks are made ahead in one go and given out as time comes to them.
"""

from __future__ import annotations

import numpy as np

from hindcast.evaluate import Expectation
from hindcast.loop.trainer import Trained
from hindcast.loop.world import World, moments
from hindcast.models.baselines import LAST_LABEL
from hindcast.monitor import (
    Alert,
    DriftMonitor,
    Looks,
    PerformanceMonitor,
    Reference,
    ScoreReference,
    ValidationMonitor,
)
from hindcast.system import System
from hindcast.trainset.spine import Spine
from hindcast.values import DAY_US, Floats, Ints, duration_text

__all__ = ["DriftWatch", "FeatureWatch", "ScoreWatch", "reference_of", "score_reference_of"]


def reference_of(system: System, trained: Trained) -> Reference:
    """What a model takes for healthy: all that was asked in the stretch it learnt from, and what it says about that.

    Requests that never got a label are among them, as they are among those to come: a storm cancels flights.
    """
    features = trained.asked.select([name for name in trained.asked.names if name != LAST_LABEL])
    return Reference.learn(
        features,
        trained.asked_us,
        trained.model.predict(trained.asked),
        window=system.monitoring.window,
        every=system.monitoring.every,
        zone=system.monitoring.zone,
        seed=system.seed,
    )


def score_reference_of(system: System, trained: Trained) -> ScoreReference:
    """How well the judged candidate did on the validation part."""
    return ScoreReference.learn(
        trained.label,
        trained.probability,
        trained.as_of,
        goal=system.goal,
        window=system.monitoring.score_window,
        seed=system.seed,
    )


class DriftWatch:
    """A drift monitor over a world, for one version.

    Parameters
    ----------
    world : World
    version : str
        Whose predictions are watched.
    reference : Reference
    since_us : int
        Requests with a later as_of are observed, and those of one window before, so that the first look has a
        whole window.
    until_us : int
        No look is made ahead of this.
    ahead_us : int, default 0
        How far ahead looks are made, where the rows are there already.
    """

    def __init__(
        self, world: World, version: str, reference: Reference, since_us: int, until_us: int, *, ahead_us: int = 0
    ) -> None:
        self.world, self.version, self.reference = world, version, reference
        start = since_us - reference.window_us
        self.monitor = DriftMonitor(reference, start_us=start + 1)
        self.looks: list[Looks] = []
        self._observed_us = start
        self._looked_us = since_us
        self._until_us, self._ahead_us = until_us, ahead_us
        self._alerts: list[Alert] = []

    def alerts(self, now_us: int) -> list[Alert]:
        """The alerts of the looks up to `now_us` that were not given out yet."""
        if now_us > self._looked_us:
            horizon = max(now_us, min(now_us + self._ahead_us, self._until_us))
            at = moments(self._looked_us, horizon, self.reference.every_us)
            self._looked_us = horizon
            if len(at):
                rows = self.world.rows(self._observed_us, int(at[-1]))
                self._observed_us = int(at[-1])
                self.monitor.observe(
                    self.world.inputs(rows), self.world.history.as_of[rows], self.world.predict(self.version, rows)
                )
                found = self.monitor.look(at)
                self.looks.append(found)
                self._alerts.extend(found.alerts)
        due = [alert for alert in self._alerts if alert.at_us <= now_us]
        self._alerts = self._alerts[len(due) :]
        return due

    def by_day(self, now_us: int) -> tuple[Ints, list[str], Floats]:
        """Per feature and day the greatest effect over its threshold, up to `now_us`: (days, names, ratios)."""
        names = list(dict.fromkeys(name for look in self.looks for name, _ in look.tests))
        days = sorted({int(t) // DAY_US for look in self.looks for t in look.at_us.tolist() if t <= now_us})
        worst = np.full((len(names), len(days)), np.nan)
        place, row = {day: i for i, day in enumerate(days)}, {name: i for i, name in enumerate(names)}
        for look in self.looks:
            ratio = look.effects / look.thresholds
            for i, t in enumerate(look.at_us.tolist()):
                if t <= now_us:
                    for j, (name, _) in enumerate(look.tests):
                        at = row[name], place[t // DAY_US]
                        worst[at] = np.fmax(worst[at], ratio[i, j])
        return np.array(days, dtype=np.int64), names, worst


class FeatureWatch:
    """A validation monitor over a world: what is expected of the features, held against what is asked.

    Parameters are those of :class:`DriftWatch`, without a version: no model is asked.
    """

    def __init__(self, world: World, since_us: int, until_us: int, *, ahead_us: int = 0) -> None:
        self.world = world
        system = world.history.system
        expected = [gate for gate in system.gates if isinstance(gate, Expectation)]
        start = since_us - system.monitoring.window_us
        self.monitor = ValidationMonitor(expected, window=system.monitoring.window, start_us=start + 1)
        self._every_us = system.monitoring.every_us
        self._observed_us, self._looked_us = start, since_us
        self._until_us, self._ahead_us = until_us, ahead_us
        self._alerts: list[Alert] = []

    def alerts(self, now_us: int) -> list[Alert]:
        """The alerts of the looks up to `now_us` that were not given out yet."""
        if now_us > self._looked_us and self.monitor.expectations:
            horizon = max(now_us, min(now_us + self._ahead_us, self._until_us))
            at = moments(self._looked_us, horizon, self._every_us)
            self._looked_us = horizon
            if len(at):
                rows = self.world.rows(self._observed_us, int(at[-1]))
                self._observed_us = int(at[-1])
                history = self.world.history
                ages = {name: age[rows] for name, age in history.ages.items()}
                self.monitor.observe(self.world.inputs(rows), history.as_of[rows], ages)
                self._alerts.extend(self.monitor.look(at).alerts)
        due = [alert for alert in self._alerts if alert.at_us <= now_us]
        self._alerts = self._alerts[len(due) :]
        return due


class ScoreWatch:
    """A performance monitor over a world, for one version: a look a day at the rows that matured.

    Parameters are those of :class:`DriftWatch`.
    """

    def __init__(
        self, world: World, version: str, reference: ScoreReference, since_us: int, until_us: int, *, ahead_us: int = 0
    ) -> None:
        self.world, self.version = world, version
        maturity = world.history.maturity_us(since_us)
        start = -(-(since_us + maturity) // DAY_US) * DAY_US
        self.monitor = PerformanceMonitor(reference, maturity=duration_text(maturity), start_us=start)
        self._maturity_us, self._since_us = maturity, since_us
        self._observed_us = self._looked_us = since_us
        self._until_us, self._ahead_us = until_us, ahead_us
        self._alerts: list[Alert] = []

    def alerts(self, now_us: int) -> list[Alert]:
        """The alerts of the looks up to `now_us` that were not given out yet."""
        if now_us > self._looked_us:
            horizon = max(now_us, min(now_us + self._ahead_us, self._until_us))
            at = moments(self._looked_us, horizon, DAY_US)
            self._looked_us = horizon
            if len(at):
                self._observe(int(at[-1]))
                self._alerts.extend(self.monitor.look(at).alerts)
        due = [alert for alert in self._alerts if alert.at_us <= now_us]
        self._alerts = self._alerts[len(due) :]
        return due

    def _observe(self, until_us: int) -> None:
        """Rows that became usable since the last time."""
        spine = self.world.history.spine
        rows = self.world.rows(self._since_us, until_us)
        known = _settled(spine, rows, self._maturity_us)
        usable = np.maximum(spine.as_of[rows] + self._maturity_us - 1, known)
        fresh = (usable >= self._observed_us) & (usable < until_us) & ~np.isnan(spine.label[rows])
        self._observed_us = until_us
        at = np.flatnonzero(fresh)
        if len(at):
            part = slice(rows.start + int(at[0]), rows.start + int(at[-1]) + 1)
            probability = self.world.predict(self.version, part)[at - at[0]]
            self.monitor.observe(spine.label[rows][at], probability, spine.as_of[rows][at], known[at])


def _settled(spine: Spine, rows: slice, maturity_us: int) -> Ints:
    """When each row's label became known, or became visible again where it was retracted by the time it was due."""
    known = spine.label_known[rows].copy()
    hidden = spine.hidden[(spine.hidden[:, 0] >= rows.start) & (spine.hidden[:, 0] < rows.stop)]
    for row, since, until in hidden[np.lexsort((hidden[:, 1], hidden[:, 0]))].tolist():
        at = row - rows.start
        if since <= max(int(spine.as_of[row]) + maturity_us - 1, int(known[at])) < until:
            known[at] = until
    return known
