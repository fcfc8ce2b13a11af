"""The world as the loop sees it: requests that were asked, who answered them, and what came of them.

In a replay the world is history and answers are computed in blocks: between two decisions the serving models do
not change. In production it is the prediction log and the labels that have landed. The loop cannot tell which.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Frame
from hindcast.loop.history import History
from hindcast.models import Model
from hindcast.registry import Roles
from hindcast.trial import shares_of
from hindcast.values import Bools, Floats, Ints

__all__ = ["ReplayWorld", "World", "moments"]

_CHUNK = 1 << 14


class World(Protocol):
    """Requests in order of as_of, with what is known of them.

    Law: what it says about requests up to t, asked at t, depends on nothing that became known at or after t.
    """

    history: History
    models: dict[str, Model]

    def serve(self, until_us: int, roles: Roles) -> None:
        """Requests up to `until_us` have been asked, and `roles` governed those since the last call."""
        ...

    def rows(self, since_us: int, until_us: int) -> slice:
        """The requests with ``since_us < as_of <= until_us``."""
        ...

    def inputs(self, rows: slice) -> Frame:
        """The features that were, or would have been, logged."""
        ...

    def predict(self, version: str, rows: slice) -> Floats:
        """What `version` says, or would have said, about these requests."""
        ...

    def served_by(self, rows: slice) -> NDArray[np.object_]:
        """The version that answered each of these requests; None where nobody did."""
        ...

    def served(self, rows: slice) -> Floats:
        """The probability that was answered; NaN where nobody did."""
        ...

    def errors(self, rows: slice) -> Bools:
        """Where the version that should have answered failed and something else did."""
        ...


class ReplayWorld:
    """History, answered by the models that were live.

    Parameters
    ----------
    history : History
    since_us : int
        Requests with a later as_of are asked.
    answers : dict, optional
        Predictions already made, shared between replays of several policies: a model's answers depend on the
        model alone.
    """

    def __init__(self, history: History, since_us: int, answers: dict[tuple[int, int], Floats] | None = None) -> None:
        self.history = history
        self.models: dict[str, Model] = {}
        self.since_us = since_us
        self._asked_us = since_us
        self._answers = {} if answers is None else answers
        self._probability = np.full(len(history), np.nan)
        self._version = np.full(len(history), -1, dtype=np.int32)
        self._names: list[str] = []

    def serve(self, until_us: int, roles: Roles) -> None:
        rows = self.rows(self._asked_us, until_us)
        self._asked_us = max(self._asked_us, until_us)
        if rows.start == rows.stop or roles.champion is None:
            return
        self._answer(rows, np.ones(rows.stop - rows.start, dtype=np.bool_), roles.champion)
        if roles.stage == "canary" and roles.challenger is not None:
            mine = shares_of(self.history.spine.key.take(rows), roles.salt) < roles.share
            self._answer(rows, mine, roles.challenger)

    def _answer(self, rows: slice, mask: Bools, version: str) -> None:
        if version not in self._names:
            self._names.append(version)
        if mask.any():
            at = np.flatnonzero(mask) + rows.start
            self._probability[at] = self.predict(version, rows)[mask]
            self._version[at] = self._names.index(version)

    def rows(self, since_us: int, until_us: int) -> slice:
        return self.history.slice(since_us, until_us)

    def inputs(self, rows: slice) -> Frame:
        return self.history.inputs.take(rows)

    def predict(self, version: str, rows: slice) -> Floats:
        model = self.models[version]
        parts = []
        for chunk in range(rows.start // _CHUNK, max(rows.stop - 1, rows.start) // _CHUNK + 1):
            first, last = chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(self.history))
            key = (id(model), chunk)
            if key not in self._answers:
                self._answers[key] = model.predict(self.inputs(slice(first, last)))
            parts.append(self._answers[key][max(rows.start - first, 0) : rows.stop - first])
        return np.concatenate(parts) if parts else np.zeros(0)

    def served_by(self, rows: slice) -> NDArray[np.object_]:
        names = np.array([*self._names, None], dtype=object)
        found: NDArray[np.object_] = names[self._version[rows]]
        return found

    def served(self, rows: slice) -> Floats:
        return self._probability[rows]

    def errors(self, rows: slice) -> Bools:
        return np.zeros(rows.stop - rows.start, dtype=np.bool_)


def moments(since_us: int, until_us: int, every_us: int) -> Ints:
    """The multiples of `every_us` with ``since_us < t <= until_us``."""
    first = since_us // every_us + 1
    return np.arange(first, until_us // every_us + 1, dtype=np.int64) * every_us
