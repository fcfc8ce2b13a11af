"""The catalogue: every feature with its meaning, version, origin, users, statistics, freshness and cost.

A value made from what is known: of the plan alone it says what is declared; with answered features, ages, versions
and models it says how they look, how fresh they are, since when they mean what they mean, and who depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hindcast.catalogue.statistics import Statistics
from hindcast.columns import Frame
from hindcast.errors import UnknownName
from hindcast.facts.table import Table
from hindcast.features.asked import instance_of
from hindcast.features.definitions import Enriched, Latest, Request, Transform
from hindcast.features.given import sequence_of
from hindcast.features.meaning import Single, columns_read, digests, in_words, keyed_by, meanings, readers, singles
from hindcast.features.noted import notes_of
from hindcast.features.plan import FeaturePlan
from hindcast.values import Floats

__all__ = ["Catalogue", "Cost", "Dependents", "Entry", "Freshness", "Lineage", "ModelUse", "catalogue"]

REQUEST = "request"
"""The table's name under which a request's columns go where no target table is declared."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the newest fact behind a feature is when it is asked for.

    Attributes
    ----------
    rows : int
    p50_s, p90_s : float or None
        Seconds, over the rows that have a fact; None where none has.
    missing : float
        Share of the rows without any fact.
    max_age_s : float or None
        The declared requirement, see :func:`hindcast.evaluate.fresh`.
    stale : float or None
        Share of the rows whose newest fact is older than that, or that have none.
    """

    rows: int
    p50_s: float | None
    p90_s: float | None
    missing: float
    max_age_s: float | None = None
    stale: float | None = None

    @staticmethod
    def of(ages_us: Floats, max_age_us: int | None = None) -> Freshness:
        """Of ages in microseconds, NaN where there was no fact.

        Examples
        --------
        >>> Freshness.of(np.array([60e6, 3600e6, np.nan, np.nan]), max_age_us=600_000_000)
        Freshness(rows=4, p50_s=60.0, p90_s=3600.0, missing=0.5, max_age_s=600.0, stale=0.75)
        """
        known = np.sort(ages_us[~np.isnan(ages_us)])
        rows = len(ages_us)

        def at(q: float) -> float | None:
            return float(known[math.ceil(q * len(known)) - 1]) / 1e6 if len(known) else None

        return Freshness(
            rows,
            at(0.5),
            at(0.9),
            1 - len(known) / rows if rows else math.nan,
            None if max_age_us is None else max_age_us / 1e6,
            None if max_age_us is None or not rows else 1 - float((known <= max_age_us).sum()) / rows,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a feature costs, measured on one machine; in no hash.

    Attributes
    ----------
    seconds_per_million : float or None
        Of answering a million requests in batch; a group's seconds in equal parts to its features.
    bytes_per_entity : float or None
        Of online state, likewise.
    """

    seconds_per_million: float | None = None
    bytes_per_entity: float | None = None


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model that reads a feature.

    Attributes
    ----------
    model : str
        Its version, such as ``"v3"``.
    role : str
        ``"champion"``, ``"challenger (shadow)"``, ``"archived"``.
    version : int or None
        The version of the feature it was trained on; None where its artefact does not say.
    """

    model: str
    role: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One feature with all that is known of it.

    Attributes
    ----------
    name, kind : str
        request, latest, window, transform, neighbours or shared neighbours.
    by : tuple of str
        The entity: request columns, or features, that key it.
    table, column, aggregate, window : str or None
        In words; where they apply.
    owner, description, unit : str or None
    digest : str
        Of its meaning; see :mod:`hindcast.features.meaning`.
    version : int or None
        1 for the first meaning this name had here; None where nobody kept count.
    meaning : mapping
        Plain values.
    reads : tuple of str
        What it is computed from directly: ``table.column``, or the names of features.
    transforms : tuple of str
        The features computed from, or keyed by, it.
    models : tuple of ModelUse
    systems : tuple of str
    statistics, freshness, cost : optional
    """

    name: str
    kind: str
    by: tuple[str, ...]
    table: str | None
    column: str | None
    aggregate: str | None
    window: str | None
    owner: str | None
    description: str | None
    unit: str | None
    digest: str
    version: int | None
    meaning: Mapping[str, Any]
    reads: tuple[str, ...]
    transforms: tuple[str, ...] = ()
    models: tuple[ModelUse, ...] = ()
    systems: tuple[str, ...] = ()
    statistics: Statistics | None = None
    freshness: Freshness | None = None
    cost: Cost | None = None
    is_time: bool = field(default=False, repr=False)

    def describe(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {
            **plain,
            "by": list(self.by),
            "meaning": dict(self.meaning),
            "reads": list(self.reads),
            "read_by": {
                "features": list(self.transforms),
                "models": [asdict(use) for use in self.models],
                "systems": list(self.systems),
            },
            "statistics": None if self.statistics is None else self.statistics.describe(time=self.is_time),
            "freshness": None if self.freshness is None else asdict(self.freshness),
            "cost": None if self.cost is None else asdict(self.cost),
        }


_PLAIN = (
    "name", "kind", "table", "column", "aggregate", "window", "owner", "description", "unit", "digest", "version",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lineage:
    """All that a feature comes from: columns of tables by table, and the features in between, in order."""

    tables: Mapping[str, tuple[str, ...]]
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dependents:
    """All that would notice if a place changed.

    Attributes
    ----------
    place : str
        ``"table"``, ``"table.column"`` or a feature's name.
    features : tuple of str
        That are computed from it, directly or through others, in the order of the catalogue.
    models : tuple of str
        Versions that read one of these, or were trained on a label from here.
    systems : tuple of str
    uses : tuple of str
        What else the system reads it for, such as ``"label"``.
    """

    place: str
    features: tuple[str, ...]
    models: tuple[str, ...]
    systems: tuple[str, ...]
    uses: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Catalogue(Mapping[str, Entry]):
    """Entries by name, in the order of their declaration; made by :func:`catalogue`.

    Attributes
    ----------
    entries : mapping of str to Entry
    system : str
    uses : mapping of str to tuple of str
        Columns that the system reads for something else than features, and for what.
    models : tuple of str
        All versions of the system's model.
    """

    entries: Mapping[str, Entry]
    system: str = ""
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    models: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Entry:
        try:
            return self.entries[name]
        except KeyError:
            raise UnknownName("feature", name, self.entries, where=self.system and f"system {self.system!r}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def lineage(self, name: str) -> Lineage:
        """All that a feature comes from."""
        between: dict[str, None] = {}
        columns: dict[str, dict[str, None]] = {}

        def visit(feature: str) -> None:
            for source in self[feature].reads:
                if source in self.entries:
                    visit(source)
                    between.setdefault(source)
                else:
                    table, _, column = source.partition(".")
                    columns.setdefault(table, {}).setdefault(column)

        visit(name)
        return Lineage({table: tuple(sorted(columns[table])) for table in sorted(columns)}, tuple(between))

    def depends_on(self, place: str) -> Dependents:
        """All features, models and systems that depend on a table, a column of one, or a feature.

        Raises
        ------
        UnknownName
            For a place that nothing reads, with close matches.
        """
        sources = {source for entry in self.entries.values() for source in entry.reads} | set(self.uses)
        columns = sorted(source for source in sources if source not in self.entries)
        tables = sorted({column.partition(".")[0] for column in columns})
        if place not in self.entries and place not in columns and place not in tables:
            raise UnknownName("table, column or feature that is read", place, [*columns, *tables, *self.entries])
        hit = {place} | {column for column in columns if column.partition(".")[0] == place}
        found: set[str] = set()
        grows = True
        while grows:
            more = {e.name for e in self.entries.values() if not hit.isdisjoint(e.reads)} - found
            found |= more
            hit |= more
            grows = bool(more)
        features = tuple(name for name in self.entries if name in found)
        touched = [self.entries[name] for name in (*features, *([place] if place in self.entries else []))]
        uses = tuple(dict.fromkeys(use for column in sorted(hit) for use in self.uses.get(column, ())))
        reading = {use.model for entry in touched for use in entry.models}
        models = tuple(name for name in self.models if uses or name in reading)
        systems = dict.fromkeys(name for entry in touched for name in entry.systems)
        return Dependents(place, features, models, tuple(systems) or ((self.system,) if uses else ()), uses)

    def describe(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "system": self.system,
            "models": list(self.models),
            "features": [entry.describe() for entry in self.entries.values()],
            "uses": {column: list(uses) for column, uses in sorted(self.uses.items())},
        }


def catalogue(
    plan: FeaturePlan,
    *,
    system: str = "",
    features: Frame | None = None,
    ages: Mapping[str, Floats] | None = None,
    max_ages: Mapping[str, int] | None = None,
    versions: Mapping[str, int] | None = None,
    models: Mapping[str, Sequence[ModelUse]] | None = None,
    costs: Mapping[str, Cost] | None = None,
    uses: Mapping[str, Sequence[str]] | None = None,
    versions_of_models: Sequence[str] = (),
) -> Catalogue:
    """Bring together what is known of a plan's features.

    Parameters
    ----------
    plan : FeaturePlan
    system : str, optional
        Who declares them.
    features : Frame, optional
        Answered features: for statistics.
    ages : mapping of str to float array, optional
        Microseconds since the newest fact behind each answer, NaN without one; see :mod:`hindcast.catalogue.ages`.
    max_ages : mapping of str to int, optional
        Declared freshness in microseconds, by feature.
    versions : mapping of str to int, optional
        The version of each feature's meaning.
    models : mapping of str to sequence of ModelUse, optional
        By feature.
    costs : mapping of str to Cost, optional
    uses : mapping of str to sequence of str, optional
        ``table.column`` read for something else than features, and for what.
    versions_of_models : sequence of str, optional
        All versions of the system's model, in order.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> from hindcast.features import window
    >>> stops = Table("stops", event_time="at", known="event")
    >>> def is_slow(stops_wait_mean_1h_by_line): return stops_wait_mean_1h_by_line > 5
    >>> waits = window(stops, "wait", "mean", over="1h", by="line", unit="min")
    >>> found = catalogue(FeaturePlan.compile([waits, is_slow]))
    >>> found["stops_wait_mean_1h_by_line"].unit, found["stops_wait_mean_1h_by_line"].window
    ('min', '1h')
    >>> found.depends_on("stops.wait").features
    ('stops_wait_mean_1h_by_line', 'is_slow')
    """
    instance_of("plan", plan, FeaturePlan)
    given = {"ages": ages, "max_ages": max_ages, "versions": versions, "models": models, "costs": costs, "uses": uses}
    for what, by_name in given.items():
        if by_name is not None:
            instance_of(what, by_name, Mapping)
    if features is not None:
        instance_of("features", features, Frame)
    instance_of("system", system, str)
    trained = tuple(sequence_of("versions_of_models", versions_of_models))
    meant = meanings(plan)
    named = digests(meant)
    made = {single.name: single for definition in plan.definitions for single in singles(definition)}
    reads = {name: _reads(single, plan) for name, single in made.items()}
    entries = {}
    for name, single in made.items():
        notes = notes_of(single.definition)
        column = features[name] if features is not None and name in features else None
        age = (ages or {}).get(name)
        entries[name] = Entry(
            name=name,
            kind=str(meant[name]["is"]),
            by=keyed_by(single.definition),
            table=_table_name(single),
            column=single.column,
            aggregate=None if single.aggregate is None else in_words(single.aggregate),
            window=None if single.window is None else in_words(single.window),
            owner=notes.owner,
            description=notes.description,
            unit=notes.unit,
            digest=named[name],
            version=(versions or {}).get(name),
            meaning=meant[name],
            reads=reads[name],
            transforms=tuple(other for other in made if other != name and name in reads[other]),
            models=tuple((models or {}).get(name, ())),
            systems=(system,) if system else (),
            statistics=None if column is None else Statistics.of(column),
            freshness=None if age is None else Freshness.of(age, (max_ages or {}).get(name)),
            cost=(costs or {}).get(name),
            is_time=column is not None and column.kind == "time",
        )
    read_for = {column: tuple(what) for column, what in (uses or {}).items()}
    return Catalogue(entries, system, read_for, trained)


def _table_name(single: Single) -> str | None:
    """The table that holds the values: of neighbours, the one about them."""
    tables = [reader.table.name for reader in readers(single.definition).values()]
    return str(tables[-1]) if tables else None


def _reads(single: Single, plan: FeaturePlan) -> tuple[str, ...]:
    """What a feature is computed from directly; a request's column is one of the target's table."""

    def asked(name: str) -> str:
        return name if name in plan.origins else f"{asking}.{name}"

    asking = plan.target.name if plan.target else REQUEST
    definition = single.definition
    if isinstance(definition, Request):
        return (f"{asking}.{single.name}",)
    if isinstance(definition, Transform):
        return tuple(dict.fromkeys(map(asked, definition.inputs)))
    found: dict[str, None] = {}
    for part, reader in readers(definition).items():
        for one in singles(reader) if part else [single]:
            found |= dict.fromkeys(_columns(reader.table, columns_read(one)))
    found |= dict.fromkeys(map(asked, keyed_by(definition)))
    return tuple(found)


def _columns(table: Table | Enriched, columns: set[str]) -> list[str]:
    """``table.column`` for all these columns, the times of the table, and what looked-up ones come from."""
    base = table.table if isinstance(table, Enriched) else table
    looked_up = {
        single.name: single
        for lookup in (table.lookups if isinstance(table, Enriched) else ())
        for single in singles(lookup)
    }
    own = {*(columns - set(looked_up)), *base.time_columns}
    found: list[str] = []
    for name in sorted(columns & set(looked_up)):
        lookup = looked_up[name].definition
        assert isinstance(lookup, Latest)
        own |= {asked for asked, _ in lookup.by}
        found += _columns(lookup.table, columns_read(looked_up[name]))
    return [*(f"{base.name}.{column}" for column in sorted(own)), *found]
