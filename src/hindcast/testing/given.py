"""Tests that read like the sentence: given these facts, at this moment, expect these values.

Every expectation is held against the batch driver, the online driver and the oracle at once; a wrong one says
which facts had a part in the value, which had none, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.batch import answer
from hindcast.features.definitions import Latest, Transform, Window
from hindcast.features.graph import Neighbours, SharedNeighbours
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.testing.oracle import Oracle, Sighting
from hindcast.testing.subject import Subject, facts_of, plan_of, request_of
from hindcast.values import BEGINNING, Moment, iso, moment_us

__all__ = ["At", "Given", "given"]

_SHOWN = 10
"""How many facts of each sort a message lists."""


def given(features: Subject, facts: Any = (), *, target: Table | None = None) -> Given:
    """Facts to ask features about.

    Parameters
    ----------
    features : System, FeaturePlan, definition, function, or a sequence of definitions and functions
    facts : mapping of table name (or Table) to rows, or rows
        Rows as dictionaries, in the order in which they landed; rows alone where the features read one table. A time
        is a datetime or ISO text. What a row leaves out is null. When a fact became known follows from its table's
        declaration; ``"_known"`` in a row says otherwise, and must where the table knows its facts on arrival.
        ``"_retract": True`` withdraws the row's key. Tables without rows are empty.
    target : Table, optional
        The table whose rows are asked about, for definitions with ``closed="right"``.

    Returns
    -------
    Given
        To be asked ``.at(moment, request)``.

    Examples
    --------
    >>> import hindcast as hc
    >>> trips = hc.Table("trips", key="trip", event_time="ended", known_after="10m")
    >>> fares = hc.window(trips, "fare", ["count", "mean"], over="1h", by="driver")
    >>> world = given(fares, [
    ...     {"trip": 1, "driver": "ann", "ended": "2025-01-03T09:20Z", "fare": 10.0},
    ...     {"trip": 2, "driver": "ann", "ended": "2025-01-03T09:55Z", "fare": 30.0},
    ... ])
    >>> now = world.at("2025-01-03T10:00Z", driver="ann").expect(trips_fare_count_1h_by_driver=1)
    >>> now.at("2025-01-03T10:06Z", driver="ann").expect(trips_fare_mean_1h_by_driver=20)
    at 2025-01-03T10:06:00Z, driver='ann': trips_fare_count_1h_by_driver=2.0, trips_fare_mean_1h_by_driver=20.0

    What was expected wrongly is explained:

    >>> world.at("2025-01-03T10:00Z", driver="ann").expect(trips_fare_mean_1h_by_driver=20)
    Traceback (most recent call last):
        ...
    AssertionError: at 2025-01-03T10:00:00Z, driver='ann':
    <BLANKLINE>
    trips_fare_mean_1h_by_driver
      expected 20
      got      10.0
      1 of 2 facts of trips in the window from 2025-01-03T09:00:00Z to before 2025-01-03T10:00:00Z:
        #0 2025-01-03T09:20:00Z, known 2025-01-03T09:30:00Z: trip=1 driver='ann' fare=10.0
      not counted:
        #1 2025-01-03T09:55:00Z, known 2025-01-03T10:05:00Z: trip=2 driver='ann' fare=30.0
           known only at 2025-01-03T10:05:00Z, not before as_of
    """
    plan = plan_of(features, target)
    return Given(plan, facts_of(plan, facts))


class Given:
    """Facts to ask about; see :func:`given`."""

    def __init__(self, plan: FeaturePlan, facts: Mapping[str, Facts]) -> None:
        self.plan, self.facts = plan, facts

    @cached_property
    def oracle(self) -> Oracle:
        return Oracle(self.plan.definitions, self.facts)

    def at(self, moment: Moment, request: Mapping[str, Any] | None = None, /, **columns: Any) -> At:
        """A request at a moment: its columns as a mapping, or by name."""
        return At(self, moment_us(moment), request_of(self.plan, {**(request or {}), **columns}))


class At:
    """One request at one moment, answered; see :func:`given`."""

    def __init__(self, given: Given, as_of_us: int, request: Frame) -> None:
        self.given, self.as_of_us, self._request = given, as_of_us, request

    def __repr__(self) -> str:
        return f"{self.told()}: " + ", ".join(f"{name}={value!r}" for name, value in self.values.items())

    def told(self) -> str:
        """The moment and the request, for a sentence."""
        asked = "".join(f", {name}={value!r}" for name, value in self._row.items())
        return f"at {iso(self.as_of_us)}{asked}"

    @property
    def _row(self) -> dict[str, Any]:
        return self._request.rows()[0] if self._request.names else {}

    @cached_property
    def _batch(self) -> Frame:
        return answer(
            self.given.plan, self.given.facts, self._request, np.array([self.as_of_us], dtype=np.int64), threads=1
        )

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every feature by name: float, text, tuple, int microseconds for a time, or None.

        Raises
        ------
        AssertionError
            When batch, online and oracle do not agree.
        """
        batch = self._batch.rows()[0]
        online = OnlineFeatures(self.given.plan)
        for name, facts in self.given.facts.items():
            online.push(name, facts.take(slice(0, 0)))  # of what kind its columns are
            for row in range(len(facts)):
                online.push(name, facts.take(slice(row, row + 1)))
        live = online.read(self._row, self.as_of_us, self._request.kinds).values
        wanted = self.given.oracle.expected(self._row, self.as_of_us, self._request.kinds)
        for name in self.given.plan.names:
            if live[name] != batch[name] or not wanted[name].agrees(batch[name]):
                raise AssertionError(
                    f"{self.told()}: {name} is {batch[name]!r} in batch, {live[name]!r} online and "
                    f"{wanted[name].value!r} by its definition. They must agree: please report this as a bug of "
                    f"hindcast, with these facts.\n{self.explain(name)}"
                )
        return batch

    def at(self, moment: Moment, request: Mapping[str, Any] | None = None, /, **columns: Any) -> At:
        """Another request of the same facts."""
        return self.given.at(moment, request, **columns)

    def expect(self, values: Mapping[str, Any] | None = None, /, *, within: float | None = None, **named: Any) -> At:
        """Hold features against values.

        Parameters
        ----------
        values, **named
            By feature: a number, text, sequence (for lists), moment (for times) or None; or anything that knows
            how to compare itself, such as ``pytest.approx(...)``.
        within : float, optional
            How far numbers may be off; without it not at all.

        Returns
        -------
        At
            Itself, for a next ``.at(...)``.

        Raises
        ------
        AssertionError
            For each feature that is not as expected: its value, the facts it was made of, and those it was not.
        UnknownName
            For a feature nobody declared.
        """
        wanted = {**(values or {}), **named}
        for name in wanted:
            if name not in self.given.plan.names:
                raise UnknownName("feature", name, self.given.plan.names, where="expect")
        got = self.values
        wrong = [name for name, value in wanted.items() if not self._fits(name, value, got[name], within)]
        if wrong:
            told = [
                f"{name}\n  expected {wanted[name]!r}{f' within {within}' if within is not None else ''}\n"
                f"  got      {self._told(name, got[name])}\n{_indented(self.explain(name))}"
                for name in wrong
            ]
            raise AssertionError("\n\n".join([f"{self.told()}:", *told]))
        return self

    def _fits(self, name: str, expected: Any, got: Any, within: float | None) -> bool:
        if self._batch[name].kind == "time" and expected is not None and got is not None:
            expected = moment_us(expected, what=f"expected {name}")
        return _fits(expected, got, within)

    def _told(self, name: str, value: Any) -> str:
        return iso(value) if self._batch[name].kind == "time" and value is not None else repr(value)

    # ---- explaining -------------------------------------------------------------------------------------

    def explain(self, name: str) -> str:
        """Which facts had a part in a feature, which had none, and why.

        Examples
        --------
        >>> import hindcast as hc
        >>> planes = hc.Table("planes", key="tailnum", known="always")
        >>> seats = given(hc.latest(planes, "seats", by="tailnum"), [{"tailnum": "N1", "seats": 180}])
        >>> print(seats.at("2025-01-03", tailnum="N2").explain("planes_seats_by_tailnum"))
        no fact of planes is taken
        not counted:
          #0 always: tailnum='N1' seats=180
             of another entity: tailnum 'N1'
        """
        feature = self.given.oracle.definitions.get(name)
        if isinstance(feature, Transform):
            return self._explain_transform(feature)
        if isinstance(feature, Neighbours):
            return f"the mean of {feature.of.names()[0]} over the neighbours"
        if isinstance(feature, SharedNeighbours):
            return "the neighbours that both have"
        if not isinstance(feature, Latest | Window):
            return "comes with the request"
        sightings = self.given.oracle.sightings(name, self._row, self.as_of_us)
        counted = [seen for seen in sightings if seen.counts]
        if isinstance(feature, Latest):
            lines = ["taken is:" if counted else f"no fact of {feature.table.name} is taken"]
        else:
            bounds = self.given.oracle.bounds(name, self._row, self.as_of_us)
            assert bounds is not None
            lo, hi = bounds
            span = f"from {iso(lo)} to before {iso(hi)}" if lo > BEGINNING else f"of all before {iso(hi)}"
            many = f"{len(counted)} of {len(sightings)} facts" if sightings else "no facts"
            lines = [f"{many} of {feature.table.name} in the window {span}{':' if counted else ''}"]
            start = feature.table.start_us
            if start is not None and hi <= start:
                lines.append(f"null, since table {feature.table.name!r} starts at {iso(start)}")
        shown = _columns(feature)
        lines += _listed(counted, shown)
        rest = [seen for seen in sightings if not seen.counts]
        if rest:
            lines += ["not counted:", *_listed(rest, shown)]
        return "\n".join(lines)

    def _explain_transform(self, feature: Transform) -> str:
        values = self.given.oracle.values(self._row, self.as_of_us, self._request.kinds)
        lines = [f"{feature.name}() was given:"]
        for needed in feature.inputs:
            value = values[needed] if needed in values else self._row[needed]
            lines.append(f"  {needed} = {value!r}")
            if needed in values:
                lines.append(_indented(_indented(self.explain(needed))))
        return "\n".join(lines)


def _fits(expected: Any, got: Any, within: float | None) -> bool:
    if expected is None or got is None:
        return expected is None and got is None
    if isinstance(expected, np.generic):
        expected = expected.item()
    if isinstance(got, tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(_fits(e, g, within) for e, g in zip(expected, got, strict=True))
    if within is not None and isinstance(expected, int | float) and isinstance(got, int | float):
        return abs(expected - got) <= within or expected == got
    return bool(expected == got)


def _columns(feature: Latest | Window) -> list[str]:
    """What of a fact a feature reads."""
    found = [*feature.table.keys, *(column for _, column in feature.by)]
    if isinstance(feature, Latest):
        found += feature.columns
    else:
        found += [feature.column] if feature.column else []
        found += sorted(feature.where.names) if feature.where else []
        found += [aggregate.weight for aggregate in feature.aggregates if aggregate.weight]
    return list(dict.fromkeys(found))


def _listed(sightings: list[Sighting], columns: list[str]) -> list[str]:
    lines = []
    for seen in sightings[:_SHOWN]:
        row = seen.row
        said = " ".join(f"{name}={row.get(name)!r}" for name in columns)
        when = iso(row["_event"]) + (f", known {iso(row['_known'])}" if row["_known"] != row["_event"] else "")
        name = "the request's own" if row["_seq"] is None else f"#{row['_seq']}"
        lines.append(f"  {name} {when}: {said}")
        if seen.why:
            lines.append(f"     {seen.why}")
    if len(sightings) > _SHOWN:
        lines.append(f"  and {len(sightings) - _SHOWN} more")
    return lines


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
