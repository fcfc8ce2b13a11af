"""The world in production: the prediction log, and the outcomes that have landed since.

Models are judged on the inputs they were really sent and the answers they really gave. A request finds its outcome
by the columns that the target's label is joined on, which callers send with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame
from hindcast.facts.facts import Facts
from hindcast.facts.lists import lists_of
from hindcast.fold.entities import joint_codes
from hindcast.loop.history import Aging, History
from hindcast.loop.trainer import Trained, Trainer
from hindcast.models import Model
from hindcast.models.baselines import LAST_LABEL
from hindcast.registry import Roles
from hindcast.values import NEVER, Bools, Floats, Ints

__all__ = ["LiveTrainer", "LiveWorld", "logged_history"]


def logged_history(history: History, log: Facts) -> History:
    """The requests of a prediction log, with features as served and labels as landed.

    Parameters
    ----------
    history : History
        What the landed facts imply; its labels are joined to the log.
    log : Facts
        Of the lake's table of predictions.

    Notes
    -----
    A logged request that matches no request of `history` (its key was never published as a fact, or its outcome
    columns were not sent) has no label. One key asked about twice is two requests with one label.
    """
    system, spine = history.system, history.spine
    order = np.lexsort((log.seq, log.event))
    log = log.take(order)
    on = system.target.label.on
    n = len(log)
    place = np.full(n, -1, dtype=np.int64)
    sent = [f"request_{name}" for name in on]
    if n and all(name in log.frame for name in sent):
        of_spine, of_log, count = joint_codes([spine.frame[name] for name in on], [log.frame[name] for name in sent])
        first = np.full(count + 1, -1, dtype=np.int64)
        first[of_spine[::-1]] = np.arange(len(spine))[::-1]
        place = np.where(of_log >= 0, first[of_log], -1)
    known = place >= 0

    def joined(values: NDArray[Any], missing: Any) -> NDArray[Any]:
        result = np.full(n, missing, dtype=values.dtype)
        result[known] = values[place[known]]
        return result

    features = {}
    for name in system.plan.names:
        kind = history.features[name].kind
        column = log.frame[f"feature_{name}"] if f"feature_{name}" in log.frame else Column.empty(kind, n)
        if kind == "list":
            features[name] = lists_of(column)
        else:
            features[name] = column.as_kind(kind) if kind == "number" and column.kind != "text" else column
    requests = {
        name: log.frame[f"request_{name}"] if f"request_{name}" in log.frame else Column.empty(column.kind, n)
        for name, column in spine.frame.items()
    }
    table = Frame(features, n)
    logged = replace(
        spine,
        key=log.frame["request_id"],
        as_of=log.event,
        seq=log.seq,
        frame=Frame(requests, n),
        label=joined(spine.label, np.nan),
        label_known=joined(spine.label_known, NEVER),
        label_seq=joined(spine.label_seq, -1),
        answered=joined(spine.answered, NEVER),
        revised=joined(spine.revised, np.nan),
        revised_known=joined(spine.revised_known, NEVER),
        hidden=np.zeros((0, 3), dtype=np.int64),
        refused=np.zeros(0, dtype=np.int64),
        counts={"requests": n, "labelled": int(known.sum()), "unlabelled": 0, "censored": int((~known).sum())},
    )
    inputs = table.having(**{LAST_LABEL: Column("number", logged.last_label())})
    aging = None if history.aging is None else _looked_up(history.aging, log)
    return History(system, logged, table, inputs, history.fingerprints, history.rows, aging)


def _looked_up(aging: Aging, log: Facts) -> Aging:
    """Ages, not measured where the caller gave the features."""
    given = log.frame["given"].floats() == 1 if "given" in log.frame else np.zeros(len(log), dtype=np.bool_)

    def aged(requests: Frame, as_of: Ints) -> Mapping[str, Floats]:
        return {name: np.where(given, np.nan, age) for name, age in aging(requests, as_of).items()}

    return aged


class LiveWorld:
    """The prediction log as a world; :meth:`refresh` reads what has been added.

    Parameters
    ----------
    read : callable
        Gives (history of the landed facts, prediction log) as they stand.
    models : dict of str to Model
        By version, as loaded from the registry.
    """

    def __init__(self, read: Callable[[], tuple[History, Facts]], models: dict[str, Model]) -> None:
        self._read = read
        self.models = models
        self.refresh()

    def refresh(self) -> None:
        """Take in facts and predictions that were drained to the lake since."""
        self.facts, log = self._read()
        self.history = logged_history(self.facts, log)
        order = np.lexsort((log.seq, log.event))
        self._version = log.frame["version"].objects()[order] if len(log) else np.zeros(0, dtype=object)
        self._probability = log.frame["probability"].floats()[order] if len(log) else np.zeros(0)

    def serve(self, until_us: int, roles: Roles) -> None:
        """The server has answered already; its log is read again."""
        self.refresh()

    def rows(self, since_us: int, until_us: int) -> slice:
        return self.history.slice(since_us, until_us)

    def inputs(self, rows: slice) -> Frame:
        return self.history.inputs.take(rows)

    def predict(self, version: str, rows: slice) -> Floats:
        """On logged inputs; exact for every version, also one that was in nobody's shadow."""
        return self.models[version].predict(self.inputs(rows))

    def served_by(self, rows: slice) -> NDArray[np.object_]:
        found: NDArray[np.object_] = self._version[rows]
        return found

    def served(self, rows: slice) -> Floats:
        return self._probability[rows]

    def errors(self, rows: slice) -> Bools:
        return np.zeros(rows.stop - rows.start, dtype=np.bool_)


class LiveTrainer:
    """A trainer that learns from the facts as they stand when it is asked."""

    def __init__(self, world: LiveWorld, make: Callable[[History], Trainer]) -> None:
        self.world, self._make = world, make

    def train(
        self, now_us: int, champion: Model | None = None, *, champion_us: int | None = None, measured: bool = True
    ) -> Trained:
        """As :meth:`Trainer.train`, with latency measured."""
        return self._make(self.world.facts).train(now_us, champion, champion_us=champion_us, measured=measured)
