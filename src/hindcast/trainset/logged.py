"""Log and wait: the values that a server logged, found again for the requests of a spine.

A request finds its logged answer by its id, or else by the columns that its label is joined on; of several answers the
newest counts that was given by the request's own moment (or as much later as was declared). What has none is told apart
by the reason, so that nobody mistakes a null for a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hindcast.columns import Column, Frame, Kind
from hindcast.facts.facts import Facts
from hindcast.facts.lists import lists_of
from hindcast.trainset.spine import Spine
from hindcast.trainset.versions import join_codes
from hindcast.values import NEVER, Bools, Ints

__all__ = ["STATUSES", "LoggedAnswers", "tally_logged", "with_logged"]

STATUSES = ("logged", "before", "late", "changed", "unasked")
"""What became of a value: taken from the log; or absent, because the request came before logging began, was asked too
late, was answered under another definition of the feature, or was never asked."""

_LOGGED, _BEFORE, _LATE, _CHANGED, _UNASKED = range(5)


class _How(Protocol):
    """How a feature's values are taken; see :class:`hindcast.features.logged.Logged`."""

    @property
    def since_us(self) -> int | None: ...
    @property
    def late_us(self) -> int: ...
    @property
    def fill(self) -> bool: ...


@dataclass(frozen=True, eq=False)
class LoggedAnswers:
    """Answers of a prediction log, m rows in the order of (as_of, sequence).

    Attributes
    ----------
    request_id : Column
    on : sequence of Column
        The columns that a label is joined on, as they were sent; empty when they were not.
    as_of : int64 array, shape (m,)
    features : Frame
        As they were served; a feature without a column was null in every answer.
    current : mapping of str to bool array, shape (m,)
        By feature, where it was served under the definition that holds now; everywhere for one it lacks.
    """

    request_id: Column
    on: Sequence[Column]
    as_of: Ints
    features: Frame
    current: Mapping[str, Bools]

    @staticmethod
    def of(
        log: Facts, names: Sequence[str], on: Sequence[str], *, system: str, current: Mapping[str, Bools] | None = None
    ) -> LoggedAnswers:
        """The answers of `system` in a prediction log.

        Parameters
        ----------
        log : Facts
            Of the table that :func:`hindcast.serve.prediction_table` declares; may be empty, without any columns.
        names : sequence of str
            The features that are wanted.
        on : sequence of str
            The request columns that a label is joined on.
        system : str
        current : mapping of str to bool array, shape (len(log),), optional
            By feature, where it was served under the definition that holds now.
        """
        rows = np.lexsort((log.seq, log.event))
        if "system" in log.frame:
            rows = rows[(log.frame["system"].objects() == system)[rows]]
        frame = log.frame.take(rows)
        sent = [f"request_{name}" for name in on]
        return LoggedAnswers(
            request_id=frame["request_id"] if "request_id" in frame else Column.empty("text", len(rows)),
            on=[frame[name] for name in sent] if all(name in frame for name in sent) else [],
            as_of=log.event[rows],
            features=Frame({n: frame[f"feature_{n}"] for n in names if f"feature_{n}" in frame}, len(rows)),
            current={name: there[rows] for name, there in (current or {}).items()},
        )

    def find(self, spine: Spine, on: Sequence[str], late_us: int) -> tuple[Ints, Bools]:
        """By request, the place of its newest answer given up to ``as_of + late_us``, -1 for none; and whether it has
        any answer at all. O((n + m) log m)."""
        until_us = spine.as_of + late_us
        by_id = self._newest(*join_codes([_text(spine.key)], [_text(self.request_id)]), until_us)
        keys = [spine.frame[name] for name in on]
        if not self.on or any(a.kind != b.kind for a, b in zip(keys, self.on, strict=True)):
            return by_id
        by_label = self._newest(*join_codes(keys, self.on), until_us)
        return np.where(by_id[1], by_id[0], by_label[0]), by_id[1] | by_label[1]

    def _newest(self, asked: Ints, told: Ints, until_us: Ints) -> tuple[Ints, Bools]:
        places = np.flatnonzero(told >= 0)
        places = places[np.argsort(told[places], kind="stable")]
        moments = np.unique(self.as_of)
        base = len(moments) + 1
        marks = told[places] * base + np.searchsorted(moments, self.as_of[places])
        wanted = np.maximum(asked, 0) * base + np.searchsorted(moments, until_us, side="right")
        at = np.append(places, -1)[np.searchsorted(marks, wanted, side="left") - 1]
        known = (asked >= 0) & np.isin(asked, told[places])
        return np.where((at >= 0) & known & (np.append(told, -2)[at] == asked), at, -1), known


def with_logged(
    recomputed: Frame, spine: Spine, on: Sequence[str], answers: LoggedAnswers, wanted: Mapping[str, _How]
) -> tuple[Frame, dict[str, NDArray[np.int8]]]:
    """The features of a spine, those of `wanted` as they were logged.

    Parameters
    ----------
    recomputed : Frame, n rows
    spine : Spine, n requests
    on : sequence of str
        The columns of the spine that the label is joined on.
    answers : LoggedAnswers
    wanted : mapping of str to Logged
        By feature, how its values are taken.

    Returns
    -------
    features : Frame, n rows
        A value that was not logged is null, unless it is to be filled.
    status : dict of str to int8 array, shape (n,)
        By feature and request an index of :data:`STATUSES`.
    """
    made: dict[str, Column] = {}
    status: dict[str, NDArray[np.int8]] = {}
    found: dict[int, tuple[Ints, Bools]] = {}
    for name, how in wanted.items():
        if how.late_us not in found:
            found[how.late_us] = answers.find(spine, on, how.late_us)
        place, asked = found[how.late_us]
        told = np.where(place >= 0, _LOGGED, np.where(asked, _LATE, _UNASKED))
        if name in answers.current and len(answers.as_of):
            told[(place >= 0) & ~answers.current[name][place]] = _CHANGED
        told[spine.as_of < (-NEVER if how.since_us is None else how.since_us)] = _BEFORE
        status[name] = told.astype(np.int8)
        logged = answers.features[name] if name in answers.features else None  # noqa: SIM401, a frame has no get
        made[name] = _taken(recomputed[name], logged, place, told == _LOGGED, how.fill)
    return recomputed.having(**made), status


def tally_logged(status: Mapping[str, NDArray[np.int8]], rows: Bools) -> dict[str, dict[str, int]]:
    """How many of `rows` have which status, by feature; the counts of a feature add up to the rows.

    Examples
    --------
    >>> tally_logged({"speed": np.array([0, 0, 4], dtype=np.int8)}, np.array([True, True, True]))
    {'speed': {'logged': 2, 'before': 0, 'late': 0, 'changed': 0, 'unasked': 1}}
    """
    counts = {name: np.bincount(told[rows], minlength=len(STATUSES)).tolist() for name, told in status.items()}
    return {name: dict(zip(STATUSES, many, strict=True)) for name, many in counts.items()}


def _taken(recomputed: Column, logged: Column | None, place: Ints, there: Bools, fill: bool) -> Column:
    """The logged values where they are `there`; elsewhere the recomputed ones, or null."""
    n, many = len(recomputed), int(there.sum())
    values = Column.empty(recomputed.kind, many)
    if logged is not None:
        values = _as_served(logged.take(place[there]), recomputed.kind)
    rows = np.arange(1, n + 1) if fill else np.zeros(n, dtype=np.int64)
    rows[there] = n + 1 + np.arange(many)
    return Column.concat([Column.empty(recomputed.kind, 1), recomputed, values]).take(rows)


def _as_served(column: Column, kind: Kind) -> Column:
    """A column of the log as the feature's kind: the log keeps moments as numbers and lists as texts."""
    if not column.present().any():
        return Column.empty(kind, len(column))
    if kind == "list":
        return lists_of(column)
    if kind == "time" and column.kind == "number":
        known = column.present()
        return Column("time", np.where(known, column.values, 0.0).astype(np.int64), known)
    return column


def _text(column: Column) -> Column:
    """A key as callers write it in an id."""
    if column.kind == "text":
        return column
    return Column.of_kind([None if item is None else str(item) for item in column.objects()], "text")
