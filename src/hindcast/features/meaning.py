"""What each single feature means, apart from all others: its digest, and in words how two meanings differ.

A plan's identity says whether *all* features mean the same. Here every feature answers for itself: its definition
restricted to its own output, the declaration of its table, and the digests of what it is computed or keyed from. So an
edit is told by name, a model is held only to the features it reads, and a feature that is added disturbs nobody.

What is left out changes no value: names and their spelling, which other columns a table has, owner, unit and
description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from hindcast.facts.table import Table
from hindcast.features.aggregates import Aggregate
from hindcast.features.definitions import Enriched, Latest, Request, Transform, Window, transform
from hindcast.features.graph import Neighbours, SharedNeighbours
from hindcast.features.logged import Logged, unlogged
from hindcast.features.plan import Definition, Feature, FeaturePlan
from hindcast.features.spans import Span
from hindcast.values import digest, duration_text

__all__ = ["Change", "changes", "digests", "digests_of", "in_words", "meanings", "names_of", "singles"]

Meaning = Mapping[str, Any]
_TOLD_APART = frozenset({"names", "columns", "aggregates", "spans", "by", "table"})
"""Parts of a definition that are told per feature."""
_FAR_US = 1 << 60


@dataclass(frozen=True, slots=True)
class Single:
    """One feature of a definition.

    Attributes
    ----------
    name : str
    definition : Request, Latest, Window or Transform
    column : str or None
        Of the table or the request; None for a window that counts facts and for a transform.
    aggregate, window : mapping or None
        Of a window's feature, as they describe themselves; `aggregate` holds which of its outputs this is.
    """

    name: str
    definition: Definition
    column: str | None = None
    aggregate: Mapping[str, Any] | None = None
    window: Mapping[str, Any] | None = None


def singles(definition: Definition) -> list[Single]:
    """The features of one definition, in order."""
    match definition:
        case Request():
            return [Single(column, definition, column) for column in definition.columns]
        case Latest():
            names = definition.names()
            return [Single(name, definition, column) for name, column in zip(names, definition.columns, strict=True)]
        case Window():
            return [
                Single(name, definition, definition.column, {**_plain(aggregate), "part": part}, _plain(span))
                for name, aggregate, part, span in definition.outputs()
            ]
        case Transform() | Neighbours() | SharedNeighbours():
            return [Single(definition.name, definition)]


def names_of(feature: Feature | Logged) -> tuple[str, ...]:
    """The names of the features that a definition, or a function, declares."""
    plain = unlogged(feature)
    return tuple(single.name for single in singles(plain if isinstance(plain, Definition) else transform(plain)))


def readers(definition: Definition) -> dict[str, Latest | Window]:
    """What looks facts up for a definition, by the part it plays; nothing for a request's column and a transform."""
    match definition:
        case Latest() | Window():
            return {"": definition}
        case Neighbours():
            return {"members": definition.members, "of": definition.of}
        case SharedNeighbours():
            return dict(zip(("members", "others"), definition.members, strict=True))
        case _:
            return {}


def keyed_by(definition: Definition) -> tuple[str, ...]:
    """The request's columns, or the features, that name a definition's entities."""
    parts = readers(definition)
    if isinstance(definition, Neighbours):
        del parts["of"]  # keyed by each neighbour
    return tuple(dict.fromkeys(asked for reader in parts.values() for asked, _ in reader.by))


def _plain(part: Aggregate | Span) -> dict[str, Any]:
    """An aggregate or a span in plain values, without its spelling."""
    return {name: value for name, value in part.describe().items() if name not in ("text", "tokens")}


def meanings(plan: FeaturePlan) -> dict[str, dict[str, Any]]:
    """What every feature of `plan` means, and every request column that one is computed or keyed from, by name.

    Plain values, so that they can be stored. What a feature is made from stands in it as a digest, under ``from``.

    Examples
    --------
    >>> from hindcast.features import request
    >>> def long_way(distance): return distance > 1000
    >>> found = meanings(FeaturePlan.compile([request("carrier"), long_way]))
    >>> list(found), list(found["long_way"]["from"])
    (['carrier', 'long_way', 'distance'], ['distance'])
    """
    made = {single.name: single for definition in plan.definitions for single in singles(definition)}

    @cache
    def meaning(name: str) -> dict[str, Any]:
        if name not in made:
            return _asked(name, plan.target)
        single = made[name]
        definition = single.definition
        if isinstance(definition, Request):
            return _asked(name, plan.target)
        if isinstance(definition, Transform):
            made_from = {needed: digest(meaning(needed)) for needed in definition.inputs}
            return {"is": "transform", "code": definition.code, "from": made_from}
        made_from = {asked: digest(meaning(asked)) for asked in keyed_by(definition)}
        if isinstance(definition, Latest | Window):
            return {**_own(single), "by": _keys(definition), "from": made_from}
        said: dict[str, Any] = {"is": str(definition.describe()["is"]), "from": made_from}
        for part, reader in readers(definition).items():
            (one,) = singles(reader)
            said[part] = {**_own(one), "by": _keys(reader)}
        return said

    result = {name: meaning(name) for name in plan.names}
    for column in plan.request_columns:
        result.setdefault(column, _asked(column, plan.target))
    return result


def digests_of(plan: FeaturePlan) -> dict[str, str]:
    """The digest of what each feature of `plan` means, by name, in the order of declaration."""
    found = digests(meanings(plan))
    return {name: found[name] for name in plan.names}


def digests(found: Mapping[str, Meaning]) -> dict[str, str]:
    """The digest of each meaning, by name: equal exactly where they mean the same."""
    return {name: digest(meaning) for name, meaning in found.items()}


def _keys(definition: Latest | Window) -> list[str]:
    return [column for _, column in definition.by]


def _own(single: Single) -> dict[str, Any]:
    """What a looked-up feature means, but for what it is keyed by."""
    definition = single.definition
    assert isinstance(definition, Latest | Window)
    said = {key: value for key, value in definition.describe().items() if key not in _TOLD_APART}
    said |= {"column": single.column, "aggregate": single.aggregate, "window": single.window}
    return {**said, "table": _table(definition.table, columns_read(single))}


def _asked(column: str, target: Table | None) -> dict[str, Any]:
    return {"is": "request", "column": column, "table": None if target is None else _table(target, {column})}


def columns_read(single: Single) -> set[str]:
    """The columns of its own table that decide a looked-up feature's values, but for those of the times."""
    definition = single.definition
    assert isinstance(definition, Latest | Window)
    where = definition.where if isinstance(definition, Window) else None
    weight = (single.aggregate or {}).get("weight")
    keys = {*definition.table.keys, *_keys(definition)}
    named = {single.column, weight, *keys, *(where.names if where else ())}
    return {column for column in named if column is not None}


def _table(table: Table | Enriched, columns: set[str]) -> dict[str, Any]:
    """A table's declaration as far as it concerns `columns`: other columns, and their types, may come and go."""
    base = table.table if isinstance(table, Enriched) else table
    said = dict(base.describe())
    said.pop("columns", None)
    said["types"] = {name: kind for name, kind in (said.get("types") or {}).items() if name in columns}
    looked_up = {
        single.name: {**_own(single), "by": [list(pair) for pair in lookup.by]}
        for lookup in (table.lookups if isinstance(table, Enriched) else ())
        for single in singles(lookup)
        if single.name in columns
    }
    return {**said, "lookups": looked_up} if looked_up else said


# ---- how two meanings differ ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one feature.

    Attributes
    ----------
    name : str
    kind : {"changed", "removed", "added"}
    how : tuple of str
        In words, such as ``"over 24h -> 12h"``; for a removed one, what may have taken its place.
    """

    name: str
    kind: Literal["changed", "removed", "added"]
    how: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.kind}" + (f" ({'; '.join(self.how)})" if self.how else "")


def changes(before: Mapping[str, Meaning], after: Mapping[str, Meaning]) -> list[Change]:
    """How the features of `after` differ from those of `before`: changed, removed, then added, each in order.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> from hindcast.features import latest
    >>> planes = Table("planes", key="tailnum", known="always")
    >>> day, week = (
    ...     meanings(FeaturePlan.compile([latest(planes, "seats", by="tailnum", max_age=age)])) for age in ("24h", "7d")
    ... )
    >>> print(*changes(day, week))
    planes_seats_by_tailnum changed (max_age 24h -> 7d)
    """
    old, new = digests(before), digests(after)
    same: dict[str, list[str]] = {}
    for name, its in new.items():
        if name not in old:
            same.setdefault(its, []).append(name)
    found = [
        Change(name, "changed", tuple(_differences(name, before, after)))
        for name in before
        if name in after and old[name] != new[name]
    ]
    found += [
        Change(name, "removed", tuple(f"{other} means the same" for other in same.get(old[name], ())))
        for name in before
        if name not in after
    ]
    return [*found, *(Change(name, "added") for name in after if name not in before)]


def _differences(name: str, before: Mapping[str, Meaning], after: Mapping[str, Meaning]) -> list[str]:
    old, new = before[name], after[name]
    said = []
    for part in [*old, *(part for part in new if part not in old)]:
        a, b = old.get(part), new.get(part)
        if a == b:
            continue
        if part == "from":
            said += _sources(a or {}, b or {}, before, after)
        elif part == "code":
            said.append("its code changed")
        elif part == "table":
            said += _tables(a or {}, b or {})
        elif part in _PARTS:
            said += [f"{part} {how}" for how in _differences(part, {part: a or {}}, {part: b or {}})]
        else:
            said.append(f"{_WORDS.get(part, part)} {_text(part, a)} -> {_text(part, b)}")
    return said


def _sources(
    old: Mapping[str, str], new: Mapping[str, str], before: Mapping[str, Meaning], after: Mapping[str, Meaning]
) -> list[str]:
    """How what a feature is made from differs, down to the definitions that were edited."""
    if list(old) != list(new):
        return [f"made from {', '.join(old) or 'nothing'} -> {', '.join(new) or 'nothing'}"]
    said = []
    for name in old:
        if old[name] != new[name]:
            deeper = _differences(name, before, after) if name in before and name in after else []
            said.append(f"{name}, from which it is made, changed" + (f": {', '.join(deeper)}" if deeper else ""))
    return said


def _tables(old: Meaning, new: Meaning) -> list[str]:
    parts = [part for part in {**old, **new} if old.get(part) != new.get(part)]
    if "table" in parts:
        return [f"table {old.get('table')} -> {new.get('table')}"]
    name = new.get("table") or old.get("table")
    return [f"table {name}: {part} {_text(part, old.get(part))} -> {_text(part, new.get(part))}" for part in parts]


_PARTS = ("members", "others", "of")
"""Of a feature of neighbours: what is looked up for it."""
_WORDS = {"is": "kind", "window": "over", "max_age_us": "max_age", "own": "closed", "ahead": "ahead"}


def _text(part: str, value: Any) -> str:
    """A part of a meaning as one would declare it."""
    if value is None or value == []:
        return "none"
    if part in ("window", "aggregate") and isinstance(value, Mapping):
        return in_words(value)
    if part == "own":
        return "right" if value else "left"
    if part.endswith("_us") and isinstance(value, int):
        return duration_text(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_text(str(key), item)}" for key, item in value.items())
    return str(value)


def in_words(part: Mapping[str, Any]) -> str:
    """A window or an aggregate, as it describes itself, in few words.

    Examples
    --------
    >>> in_words({"lo_us": 8 * 24 * 3_600_000_000, "hi_us": 7 * 24 * 3_600_000_000, "tile_us": 0})
    '24h lag 7d'
    >>> in_words({"unit": "day", "zone": "Europe/Berlin", "back": 1}), in_words({"is": "quantile", "number": 0.95})
    ('last full day in Europe/Berlin', 'quantile 0.95')
    """
    if "is" in part:
        return _aggregate_words(part)
    if "unit" in part:
        return f"{'last full ' * bool(part['back'])}{part['unit']}{' to date' * (not part['back'])} in {part['zone']}"
    if "gap_us" in part:
        return f"session of gap {duration_text(part['gap_us'])}, at most {duration_text(part['at_most_us'])}"
    lo, hi = part["lo_us"], part["hi_us"]
    if lo >= _FAR_US:
        said = "all"
    elif hi < 0 or lo < 0:
        return f"from {_signed(-lo)} to {_signed(-hi)}"
    else:
        said = duration_text(lo - hi)
    said += f" lag {duration_text(hi)}" if hi else ""
    return said + (f" tile {duration_text(part['tile_us'])}" if part.get("tile_us") else "")


def _aggregate_words(part: Mapping[str, Any]) -> str:
    kind, number = str(part["is"]), part.get("number")
    if number and kind.startswith(("rate", "decayed")):
        return f"{kind} {duration_text(int(number))}"
    if part.get("weight"):
        return f"{kind} by {part['weight']}"
    if kind == "top" and part.get("part"):
        return f"shares of top {number:g}"
    return f"{kind} {number:g}" if number else kind


def _signed(us: int) -> str:
    return f"-{duration_text(-us)}" if us < 0 else f"+{duration_text(us)}"
