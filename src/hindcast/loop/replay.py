"""Replay: the whole system over a stretch of history on a clock that stands still until it is moved.

What would have been predicted, learnt, alerted, promoted and earned: the loop is the one that production turns, the
world is history, the ledger is the replay's own. Policies share what does not depend on them: features, trainings,
and each model's answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.adapt import Policy, policy
from hindcast.errors import ConfigError
from hindcast.loop.history import History, Progress
from hindcast.loop.loop import Loop
from hindcast.loop.trainer import Trainer
from hindcast.loop.world import ReplayWorld, moments
from hindcast.registry import Entry, Ledger, Registry
from hindcast.values import DAY_US, Bools, Floats, Ints, iso

__all__ = ["Replayed", "replay"]

_AHEAD_US = 31 * DAY_US


@dataclass(frozen=True, eq=False)
class Replayed:
    """What one policy did with a stretch of history.

    Attributes
    ----------
    policy : Policy
    history : History
    since_us, until_us : int
        Requests with ``since_us < as_of <= until_us`` were asked.
    rows : slice
        These requests in the history.
    probability : float64 array, shape (requests,)
        What was answered.
    version : object array, shape (requests,)
        By whom.
    registry : Registry
        Over the replay's own ledger.
    loop : Loop
        As it stood at the end.
    """

    policy: Policy
    history: History
    since_us: int
    until_us: int
    rows: slice
    probability: Floats
    version: Any
    registry: Registry
    loop: Loop

    @property
    def label(self) -> Floats:
        """What came of each request, NaN where nothing did; the labels of the last days are waited for."""
        return self.history.label[self.rows]

    @property
    def as_of(self) -> Ints:
        return self.history.as_of[self.rows]

    @property
    def scored(self) -> Bools:
        """Requests that were answered and whose outcome became known."""
        return ~np.isnan(self.label) & ~np.isnan(self.probability)

    def entries(self, *kinds: str) -> list[Entry]:
        """The ledger's entries of these kinds, in order; all without any."""
        found = self.registry.ledger.entries()
        return [entry for entry in found if not kinds or entry.kind in kinds]


def replay(
    history: History,
    since_us: int,
    until_us: int,
    policies: list[str],
    *,
    trainer: Trainer,
    monitors: bool = True,
    progress: Progress | None = None,
) -> dict[str, Replayed]:
    """Replay `history` under each of `policies`.

    Parameters
    ----------
    history : History
    since_us, until_us : int
        Requests with ``since_us < as_of <= until_us`` are asked.
    policies : list of str
        Of :data:`hindcast.adapt.POLICIES`.
    trainer : Trainer
        Over the same history; its trainings are shared between policies and kept in its cache.
    monitors : bool, default True
        Whether drift and decay are watched.

    Raises
    ------
    ConfigError
        For a stretch without requests.
    """
    rows = history.slice(since_us, until_us)
    if rows.stop <= rows.start:
        first, last = iso(int(history.as_of[0])), iso(int(history.as_of[-1]))
        raise ConfigError(
            f"no request is asked between {iso(since_us)} and {iso(until_us)}; the facts imply requests from {first} "
            f"to {last}."
        )
    answers: dict[tuple[int, int], Floats] = {}
    found: dict[str, Replayed] = {}
    for name in policies:
        chosen = policy(name)
        world = ReplayWorld(history, since_us, answers)
        registry = Registry(Ledger("sqlite://"), system=history.system.name, target=history.system.target.name)
        loop = Loop(
            history.system, world, trainer, registry, chosen, until_us=until_us, ahead_us=_AHEAD_US, monitors=monitors
        )
        loop.begin(since_us)
        total = len(moments(since_us, until_us, history.system.monitoring.every_us))
        done = 0
        while (at := loop.next_tick()) <= until_us:
            loop.tick(at)
            done += 1
            if progress and (done % 20 == 0 or done >= total):
                progress(f"replay {name}", min(done, total), total)
        loop.run(until_us)
        found[name] = Replayed(
            chosen, history, since_us, until_us, rows, world.served(rows), world.served_by(rows), registry, loop
        )
    return found
