"""What features mean, spelled out fact by fact: the oracle that every driver is held against.

It shares nothing with the engine but the definitions: visibility, windows and aggregates are done again here, from
their meaning alone, slowly. Since it looks at one fact after another, it can also say of each why it counts or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.errors import UnknownName
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.aggregates import Aggregate
from hindcast.features.definitions import Enriched, Latest, Output, Request, Transform, Window, transform
from hindcast.features.graph import Neighbours, SharedNeighbours
from hindcast.features.spans import Span
from hindcast.testing import aggregates
from hindcast.testing.aggregates import Expected
from hindcast.testing.windows import last_full_bounds, session_start, tiled, to_date_bounds
from hindcast.values import iso

__all__ = ["Oracle", "Row", "Sighting", "feature_oracle", "visible_versions"]

Row = dict[str, Any]
"""A fact: its columns, with ``_event``, ``_known``, ``_seq`` and ``_retract`` beside them."""
_Defined = Request | Latest | Window | Transform | Neighbours | SharedNeighbours
_LISTS = ("last_n", "top", "members")
_AS_IT_IS = ("first", "last")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A fact as a feature sees it at a moment.

    Attributes
    ----------
    row : dict
    counts : bool
        Whether it has a part in the value.
    why : str
        Why not, in a few words; empty where it counts.
    """

    row: Row
    counts: bool
    why: str = ""


class Oracle:
    """Answers features from their definitions alone, and says which facts had a part in them.

    Parameters
    ----------
    features : sequence of definitions and functions
    facts : mapping of table name to Facts
        All of them, whatever their known time.

    Notes
    -----
    O(facts) per feature and request, in Python: for tests, not for work.

    Examples
    --------
    >>> from hindcast.features import window
    >>> trips = Table("trips", key="id", event_time="at", known="event")
    >>> facts = Facts.of(trips, [{"id": 1, "at": 5, "fare": 2.0}, {"id": 2, "at": 9, "fare": 4.0}])
    >>> oracle = Oracle([window(trips, "fare", ["sum", "median"], over="10us")], {"trips": facts})
    >>> oracle.values({}, 10)
    {'trips_fare_sum_10us': 6.0, 'trips_fare_median_10us': 3.0}
    >>> [(seen.row["id"], seen.counts, seen.why) for seen in oracle.sightings("trips_fare_sum_10us", {}, 9)]
    [(1, True, ''), (2, False, 'known only at 1970-01-01T00:00:00.000009Z, not before as_of')]
    """

    def __init__(self, features: Iterable[Any], facts: Mapping[str, Facts]) -> None:
        self._facts = facts
        self._rows: dict[int, list[Row]] = {}
        self._seen: dict[tuple[int, int], list[Sighting]] = {}
        self._judged: dict[tuple[Any, ...], list[Sighting]] = {}
        self.definitions: dict[str, Any] = {}
        """By the feature's name, what defines it."""
        self._outputs: dict[str, Output] = {}
        for given in features:
            feature = given if isinstance(given, _Defined) else transform(given)
            if isinstance(feature, Transform | Neighbours | SharedNeighbours):
                self.definitions[feature.name] = feature
            elif isinstance(feature, Request):
                self.definitions.update(dict.fromkeys(feature.columns, feature))
            else:
                self.definitions.update(dict.fromkeys(feature.names(), feature))
            if isinstance(feature, Window):
                self._outputs.update({output.name: output for output in feature.outputs()})

    def values(self, request: Mapping[str, Any], t: int, kinds: Mapping[str, Kind] | None = None) -> dict[str, Any]:
        """Every feature of one request at `t`, by name; null is None."""
        return {name: expected.value for name, expected in self.expected(request, t, kinds).items()}

    def expected(
        self, request: Mapping[str, Any], t: int, kinds: Mapping[str, Kind] | None = None
    ) -> dict[str, Expected]:
        """Every feature of one request at `t`, with the distance that an engine may be off.

        Parameters
        ----------
        request : mapping
            Its columns; None is null.
        t : int
            Microseconds.
        kinds : mapping, optional
            The kinds of the request's columns, for functions that read one that is null.
        """
        found: dict[str, Expected] = {}
        for name in self.definitions:
            self._answer(name, request, t, kinds or {}, found)
        return {name: found[name] for name in self.definitions}

    def sightings(self, name: str, request: Mapping[str, Any], t: int) -> list[Sighting]:
        """Every fact of the feature's table, in order of landing, and why it counts or does not."""
        if name not in self.definitions:
            raise UnknownName("feature", name, self.definitions, where="the oracle")
        feature = self.definitions[name]
        if not isinstance(feature, Latest | Window):
            return []
        found: dict[str, Expected] = {}
        asked = self._entity(feature, request, t, {}, found)
        if isinstance(feature, Latest):
            return self._latest(feature, asked, t)[1]
        output = self._outputs[name]
        return self._window(feature, output.span, asked, request, t)[1]

    def bounds(self, name: str, request: Mapping[str, Any], t: int) -> tuple[int, int] | None:
        """Where a window lies at `t`, half open; None for a feature that is none."""
        feature = self.definitions[name]
        if not isinstance(feature, Window):
            return None
        asked = self._entity(feature, request, t, {}, {})
        return self._window(feature, self._outputs[name].span, asked, request, t)[0]

    # ---- one feature ------------------------------------------------------------------------------------

    def _answer(
        self, name: str, request: Mapping[str, Any], t: int, kinds: Mapping[str, Kind], found: dict[str, Expected]
    ) -> Any:
        """The value under `name`, of a feature or else of the request."""
        if name not in self.definitions or isinstance(self.definitions[name], Request):
            value = request[name]
            if name in self.definitions:
                found[name] = Expected(value if isinstance(value, str) or value is None else float(value))
            return value
        if name in found:
            return found[name].value
        feature = self.definitions[name]
        if isinstance(feature, Transform):
            inputs = {}
            for needed in feature.inputs:
                value = self._answer(needed, request, t, kinds, found)
                inputs[needed] = _one(value, self._kind(needed, value, kinds)).array()
            made = Column.of(np.asarray(feature.function(**inputs)))
            made = made if made.kind in ("text", "time", "list") else made.as_kind("number")
            found[name] = Expected(made.item(0))
            return found[name].value
        if isinstance(feature, Neighbours):
            found[name] = self._neighbours(feature, request, t, kinds, found)
            return found[name].value
        if isinstance(feature, SharedNeighbours):
            one, other = (self._members(side, request, t, kinds, found) for side in feature.members)
            found[name] = Expected(None if one is None or other is None else float(sum(n in other for n in one)))
            return found[name].value
        asked = self._entity(feature, request, t, kinds, found)
        if isinstance(feature, Latest):
            newest, _ = self._latest(feature, asked, t)
            for one, column in zip(feature.names(), feature.columns, strict=True):
                found[one] = Expected(None if newest is None else _value(newest[column]))
            return found[name].value
        found[name] = self._aggregate(feature, self._outputs[name], asked, request, t)
        return found[name].value

    def _aggregate(
        self, feature: Window, output: Output, asked: tuple[Any, ...], request: Mapping[str, Any], t: int
    ) -> Expected:
        """One feature of a window."""
        (lo, hi), judged = self._window(feature, output.span, asked, request, t)
        start = feature.table.start_us
        if None in asked or (start is not None and hi <= start):
            return Expected(None)
        counted = [seen.row for seen in judged if seen.counts]
        return _read(output.aggregate, output.part, feature.column, counted, lo, hi, t)

    def _neighbours(
        self,
        feature: Neighbours,
        request: Mapping[str, Any],
        t: int,
        kinds: Mapping[str, Kind],
        found: dict[str, Expected],
    ) -> Expected:
        """The mean of what is known about each neighbour, of those about whom anything is."""
        members = self._members(feature.members, request, t, kinds, found)
        looked_up = [self._latest(feature.of, (member,), t)[0] for member in members or ()]
        (column,) = feature.of.columns
        return aggregates.mean([float(row[column]) for row in looked_up if row is not None and row[column] is not None])

    def _members(
        self,
        feature: Window,
        request: Mapping[str, Any],
        t: int,
        kinds: Mapping[str, Kind],
        found: dict[str, Expected],
    ) -> Any:
        """The only feature of a window of which nobody asked: a list of neighbours."""
        (output,) = feature.outputs()
        return self._aggregate(feature, output, self._entity(feature, request, t, kinds, found), request, t).value

    def _kind(self, name: str, value: Any, kinds: Mapping[str, Kind]) -> Kind:
        """The kind of a function's input."""
        feature = self.definitions.get(name)
        if isinstance(feature, Latest):
            column = feature.columns[feature.names().index(name)]
            kind = self._column_kind(feature.table, column)
            return kind if kind in ("text", "list") else "number"
        if isinstance(feature, Window):
            aggregate, text = self._outputs[name].aggregate.kind, False
            if feature.column is not None:
                text = self._column_kind(feature.table, feature.column) == "text"
            return "list" if aggregate in _LISTS else "text" if aggregate in _AS_IT_IS and text else "number"
        return kinds.get(name) or Column.of([value]).kind

    def _column_kind(self, table: Table | Enriched, column: str) -> Kind:
        if isinstance(table, Enriched):
            for lookup in table.lookups:
                if column in lookup.names():
                    return self._column_kind(lookup.table, lookup.columns[lookup.names().index(column)])
        return self._facts[table.name].frame[column].kind

    def _entity(
        self,
        feature: Latest | Window,
        request: Mapping[str, Any],
        t: int,
        kinds: Mapping[str, Kind],
        found: dict[str, Expected],
    ) -> tuple[Any, ...]:
        return tuple(self._answer(asked, request, t, kinds, found) for asked, _ in feature.by)

    # ---- facts ------------------------------------------------------------------------------------------

    def rows(self, table: Table | Enriched) -> list[Row]:
        """All facts of a table in order of landing; an enriched one's with what each reader of a fact looked up."""
        if id(table) not in self._rows:
            base = _rows(self._facts[table.name])
            if isinstance(table, Enriched):
                near = [_near(self.rows(lookup.table), lookup) for lookup in table.lookups]
                for row in base:
                    for lookup, rows in zip(table.lookups, near, strict=True):
                        asked = tuple(row[column] for column, _ in lookup.by)
                        newest, _ = self._latest(lookup, asked, row["_known"], rows.get(asked, ()))
                        for name, column in zip(lookup.names(), lookup.columns, strict=True):
                            row[name] = None if newest is None else newest[column]
            self._rows[id(table)] = base
        return self._rows[id(table)]

    def _versions(self, table: Table | Enriched, t: int) -> list[Sighting]:
        """Of every fact whether it is visible at `t`."""
        if (id(table), t) not in self._seen:
            self._seen[id(table), t] = _versions(self.rows(table), table.keys, t)
        return self._seen[id(table), t]

    def _mine(
        self, feature: Latest | Window, asked: tuple[Any, ...], t: int, among: Sequence[Row] | None = None
    ) -> list[Sighting]:
        """Of every fact, or of those `among` which all lie that can matter, whether it is visible at `t` and of the
        entity that is asked about."""
        place = (id(feature.table), feature.by, asked, t)
        if among is None and place in self._judged:
            return self._judged[place]
        result: list[Sighting] = []
        if among is None:
            self._judged[place] = result
        for seen in self._versions(feature.table, t) if among is None else _versions(among, feature.table.keys, t):
            mine = tuple(seen.row[column] for _, column in feature.by)
            if seen.counts and None in asked:
                result.append(Sighting(seen.row, False, "the request does not say which entity it is about"))
            elif seen.counts and mine != asked:
                of = ", ".join(f"{column} {value!r}" for (_, column), value in zip(feature.by, mine, strict=True))
                result.append(Sighting(seen.row, False, f"of another entity: {of}"))
            else:
                result.append(seen)
        return result

    def _latest(
        self, feature: Latest, asked: tuple[Any, ...], t: int, among: Sequence[Row] | None = None
    ) -> tuple[Row | None, list[Sighting]]:
        """The row that is taken, and of every fact why it is that one or not."""
        judged = []
        for seen in self._mine(feature, asked, t, among):
            event = seen.row["_event"]
            if not seen.counts:
                judged.append(seen)
            elif not feature.ahead and event >= t:
                judged.append(Sighting(seen.row, False, f"happens at {iso(event)}, not before as_of"))
            else:
                judged.append(seen)
        newest = max((seen.row for seen in judged if seen.counts), key=_canonical, default=None)
        if newest is None:
            return None, judged
        too_old = feature.max_age_us is not None and t - newest["_event"] > feature.max_age_us
        result = []
        for seen in judged:
            if seen.counts and seen.row is not newest:
                result.append(Sighting(seen.row, False, f"older than #{newest['_seq']}"))
            elif seen.counts and too_old:
                result.append(Sighting(seen.row, False, f"too old: happened at {iso(seen.row['_event'])}"))
            else:
                result.append(seen)
        return (None if too_old else newest), result

    def _window(
        self, feature: Window, span: Span, asked: tuple[Any, ...], request: Mapping[str, Any], t: int
    ) -> tuple[tuple[int, int], list[Sighting]]:
        """Where the window lies, and of every fact whether it is in it; the request's own where it closes it."""
        mine = self._mine(feature, asked, t)
        lo, hi = _bounds(span, t, [seen.row["_event"] for seen in mine if seen.counts])
        result = []
        own_is_in = False
        for seen in mine:
            event = seen.row["_event"]
            if not seen.counts:
                result.append(seen)
            elif event < lo:
                result.append(Sighting(seen.row, False, f"happened at {iso(event)}, before the window begins"))
            elif event >= hi:
                result.append(Sighting(seen.row, False, f"happens at {iso(event)}, not before the window ends"))
            else:
                own_is_in |= feature.own and all(seen.row[k] == request[k] for k in feature.table.keys)
                result.append(_held(feature, seen.row))
        if feature.own and not own_is_in and None not in asked:
            result.append(_held(feature, {**request, "_event": t, "_known": t, "_seq": None, "_retract": False}))
        return (lo, hi), result


def feature_oracle(
    feature: Any, facts: Facts | Mapping[str, Facts], request: Mapping[str, Any], t: int
) -> dict[str, Any]:
    """The values of one definition for one request at `t`, by name; null is None.

    `facts` are those of the definition's table, or of several tables by name. See :class:`Oracle`.
    """
    return Oracle([feature], {feature.table.name: facts} if isinstance(facts, Facts) else facts).values(request, t)


def visible_versions(facts: Facts, table: Table, t: int) -> list[Row]:
    """The facts visible at `t`, as dictionaries with ``_event``, ``_known``, ``_seq`` beside the columns.

    Known before t; of each key only the one with the greatest (known, sequence), and none if that is a
    retraction. A table without a key, or a fact with a null in its key, has no corrections.
    """
    return [seen.row for seen in _versions(_rows(facts), table.keys, t) if seen.counts]


def _rows(facts: Facts) -> list[Row]:
    columns = facts.frame.rows() if facts.frame.names else [{} for _ in range(len(facts))]
    return [
        {**row, "_event": int(e), "_known": int(k), "_seq": int(s), "_retract": bool(r)}
        for row, e, k, s, r in zip(columns, facts.event, facts.known, facts.seq, facts.retract, strict=True)
    ]


def _canonical(row: Row) -> tuple[int, int, int]:
    return row["_event"], row["_known"], row["_seq"]


def _versions(rows: Sequence[Row], key: Sequence[str], t: int) -> list[Sighting]:
    """Of every fact, in order of landing, whether it is visible at `t`."""
    newest: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        identity = _identity(row, key)
        if row["_known"] < t and (
            identity not in newest
            or (row["_known"], row["_seq"]) > (newest[identity]["_known"], newest[identity]["_seq"])
        ):
            newest[identity] = row
    result = []
    for row in sorted(rows, key=lambda row: row["_seq"]):
        if row["_known"] >= t:
            result.append(Sighting(row, False, f"known only at {iso(row['_known'])}, not before as_of"))
            continue
        stands = newest[_identity(row, key)]
        if stands is not row:
            what = "retracted" if stands["_retract"] else "corrected"
            result.append(Sighting(row, False, f"{what} by #{stands['_seq']}, known at {iso(stands['_known'])}"))
        elif row["_retract"]:
            result.append(Sighting(row, False, "a retraction"))
        else:
            result.append(Sighting(row, True))
    return result


def _near(rows: Sequence[Row], feature: Latest) -> dict[tuple[Any, ...], list[Row]]:
    """By entity, all versions of every fact of which one version at least is of that entity."""
    versions: dict[tuple[Any, ...], list[Row]] = {}
    entities: dict[tuple[Any, ...], dict[tuple[Any, ...], None]] = {}
    for row in rows:
        identity = _identity(row, feature.table.keys)
        versions.setdefault(identity, []).append(row)
        entities.setdefault(tuple(row[column] for _, column in feature.by), {})[identity] = None
    return {entity: [row for one in named for row in versions[one]] for entity, named in entities.items()}


def _identity(row: Row, key: Sequence[str]) -> tuple[Any, ...]:
    """What names a fact: its key, or itself where there is none."""
    named = tuple(row[column] for column in key)
    return (*named, row["_seq"]) if not key or None in named else named


def _bounds(span: Span, t: int, events: Sequence[int]) -> tuple[int, int]:
    """Where a span lies at `t`, half open, given when the entity's visible facts happened."""
    if span.kind == "calendar":
        return (last_full_bounds if span.back else to_date_bounds)(t, span.unit, span.zone)
    if span.kind == "session":
        return session_start(events, t, span.gap_us, span.lo_us), t
    return tiled(t - span.lo_us, span.tile_us or None), t - span.hi_us


def _held(feature: Window, row: Row) -> Sighting:
    """A fact in the window, held against the condition and the column."""
    if feature.where is not None:
        frame = Frame.of({name: [row[name]] for name in sorted(feature.where.names)})
        if not feature.where.holds(frame)[0]:
            return Sighting(row, False, f"{feature.where.text} does not hold")
    if feature.column is not None and row[feature.column] is None:
        return Sighting(row, False, f"{feature.column} is null")
    return Sighting(row, True)


def _read(
    aggregate: Aggregate, part: int, column: str | None, counted: list[Row], lo: int, hi: int, t: int
) -> Expected:
    """What an aggregate makes of the facts that count."""
    rows = sorted(counted, key=lambda row: (row["_seq"] is None, _canonical(row)))
    values: list[Any] = [1.0 if column is None else _value(row[column]) for row in rows]
    events = [row["_event"] for row in rows]
    many = int(aggregate.number) if aggregate.kind in ("last_n", "top") else 0
    match aggregate.kind:
        case "count":
            return Expected(float(len(values)))
        case "sum":
            return aggregates.total(values)
        case "mean" | "share":
            return aggregates.mean(values)
        case "min" | "max":
            return aggregates.extreme(values, aggregate.kind == "max")
        case "var":
            return aggregates.variance(values)
        case "std":
            return aggregates.deviation(values)
        case "first" | "last":
            return Expected(values[0 if aggregate.kind == "first" else -1] if values else None)
        case "quantile":
            return aggregates.quantile(values, aggregate.number)
        case "distinct":
            return aggregates.distinct(values)
        case "rate":
            return aggregates.rate(len(values), hi - lo, int(aggregate.number))
        case "since":
            return aggregates.since(events, t)
        case "decayed_sum" | "decayed_mean" | "decayed_count":
            kind = aggregate.kind.removeprefix("decayed_")
            return aggregates.decayed(values, events, t, int(aggregate.number), kind)
        case "last_n":
            return aggregates.newest(values, many)
        case "top":
            return aggregates.top_shares(values, many) if part else aggregates.top(values, many)
        case "members":
            return aggregates.members(values)
        case "weighted_mean":
            assert aggregate.weight is not None
            weights = [row[aggregate.weight] for row in rows]
            return aggregates.weighted_mean(
                [(float(w), x) for w, x in zip(weights, values, strict=True) if w is not None]
            )
        case "own":
            return aggregates.folded(values, aggregate.algebra)
    raise UnknownName("aggregate", aggregate.kind, (), where="the oracle")


def _value(value: Any) -> Any:
    return value if value is None or isinstance(value, str | tuple) else float(value)


def _one(value: Any, kind: Kind) -> Column:
    return Column.of_kind([value], kind)
