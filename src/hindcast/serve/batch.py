"""Batch prediction: a table of requests in, the same table with answers out.

The same features and models as online, driven over many rows at once; the server never imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import DataError, UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.times import Shift, read_times
from hindcast.features.plan import FeaturePlan
from hindcast.metrics.value import Goal
from hindcast.models import Model
from hindcast.values import Ints

__all__ = ["answer_requests", "requests_of", "when_asked"]


def requests_of(frame: Frame, plan: FeaturePlan, kinds: Mapping[str, Kind], *, zone: str | None = None) -> Frame:
    """The request columns of `frame` in the kinds that facts have.

    Raises
    ------
    UnknownName, DataError
        For a missing column, or one that holds something else.
    """
    columns = {}
    for name in plan.request_columns:
        if name not in frame:
            raise UnknownName("request column", name, frame.names, where="requests")
        kind = kinds.get(name, frame[name].kind)
        try:
            if kind == "time":
                times = read_times(frame[name], zone=zone, what=f"requests, column {name!r}")
                if times.bad.any():
                    row = int(times.bad.argmax())
                    raise DataError("not a time", row=row + 1, value=frame[name].item(row))
                columns[name] = times.column()
            elif kind == "text" and frame[name].kind != "text":
                words = [None if v is None else str(v) for v in frame[name].objects().tolist()]
                columns[name] = Column.of_kind(words, "text")
            else:
                columns[name] = frame[name].as_kind(kind)
        except DataError as error:
            raise DataError(f"requests: {error}", column=name) from None
    return Frame(columns, len(frame))


def when_asked(frame: Frame, shift: Shift, now_us: int) -> Ints:
    """Each request's as_of: its column ``as_of`` where there is one, else the target's timer, else now."""
    if "as_of" in frame:
        times = read_times(frame["as_of"], what="requests, column 'as_of'")
        if not times.present.all():
            raise DataError("a request has no as_of", row=int((~times.present).argmax()) + 1)
        return times.us
    if shift.column in frame:
        times = read_times(frame[shift.column], what=f"requests, column {shift.column!r}")
        if times.present.all():
            return times.us + shift.offset_us
    return np.full(len(frame), now_us, dtype=np.int64)


def answer_requests(
    plan: FeaturePlan, facts: Mapping[str, Facts], requests: Frame, as_of: Ints, model: Model, version: str, goal: Goal
) -> Frame:
    """The requests with ``as_of``, ``probability``, ``act`` and ``version`` beside them."""
    from hindcast.features.batch import answer

    features = answer(plan, facts, requests, as_of)
    probability = model.predict(features)
    n = len(requests)
    words = np.empty(1, dtype=object)
    words[0] = version
    return requests.having(
        as_of=Column("time", as_of),
        probability=probability,
        act=goal.decide(probability),
        version=Column("text", np.zeros(n, dtype=np.int32), None, words),
    )
