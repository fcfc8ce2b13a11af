"""What each feature of a plan means, as a digest: the same digest, the same value from the same facts.

A plan has one identity for all its features. Here every feature has its own, which covers the features that it is
computed from, so that an edit tells what it touched: that feature and those behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from hindcast.features.definitions import Latest, Request, Transform, Window, transform
from hindcast.features.logged import unlogged
from hindcast.values import digest

__all__ = ["meanings"]


def meanings(features: Sequence[Any]) -> dict[str, str]:
    """A digest of what each feature means, by name, in the order of declaration.

    Parameters
    ----------
    features : sequence of definitions and functions
        As given to :meth:`~hindcast.features.plan.FeaturePlan.compile`.

    Examples
    --------
    >>> from hindcast.facts import Table
    >>> from hindcast.features.definitions import request, window
    >>> trips = Table("trips", event_time="ended", known="event")
    >>> def many(trips_count_1h): return trips_count_1h > 9
    >>> before = meanings([request("zone"), window(trips, over="1h"), many])
    >>> after = meanings([request("zone"), window(trips, over="1h", where="fare > 0", name="trips"), many])
    >>> [name for name in before if before[name] != after[name]]
    ['trips_count_1h', 'many']
    """
    own: dict[str, tuple[Any, tuple[str, ...]]] = {}
    for feature in features:
        for name, definition in _each(unlogged(feature)):
            own[name] = (definition.describe(), _reads(definition))
    found: dict[str, str] = {}

    def mean(name: str) -> str:
        if name not in found:
            description, reads = own[name]
            found[name] = digest(
                {"name": name, "is": description, "of": {read: mean(read) for read in reads if read in own}}
            )
        return found[name]

    return {name: mean(name) for name in own}


def _each(feature: Any) -> Iterator[tuple[str, Any]]:
    """A definition as definitions of one feature each, with their names."""
    if not hasattr(feature, "describe"):
        feature = transform(feature)
    if isinstance(feature, Request):
        yield from ((column, replace(feature, columns=(column,))) for column in feature.columns)
    elif isinstance(feature, Transform):
        yield feature.name, feature
    elif isinstance(feature, Latest):
        yield from zip(feature.names(), (replace(feature, columns=(c,)) for c in feature.columns), strict=True)
    elif isinstance(feature, Window):
        for span in feature.spans:
            for aggregate in feature.aggregates:
                one = replace(feature, spans=(span,), aggregates=(aggregate,))
                yield from ((_name(name), one) for name in one.names())
    else:
        yield from ((_name(name), feature) for name in feature.names())


def _name(named: Any) -> str:
    """A feature's name, alone or as the first of what else is said about it."""
    return named if isinstance(named, str) else str(named[0])


def _reads(definition: Any) -> tuple[str, ...]:
    """The names a definition reads besides its facts: its inputs, and what its entity is looked up by."""
    if isinstance(definition, Transform):
        return definition.inputs
    return tuple(asked for asked, _ in getattr(definition, "by", ()))
