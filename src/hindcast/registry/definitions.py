"""Versions of features: every meaning that a name has had, numbered in order of first appearance.

Kept on the ledger: an entry of kind ``features`` says which features a declaration has, each with its version, and
holds the meaning of those that are new. Going back to an earlier meaning goes back to its version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hindcast.registry.entries import Entry
from hindcast.registry.versions import Registry
from hindcast.values import digest

__all__ = ["KIND", "Defined", "declare", "declared"]

KIND = "features"


@dataclass(frozen=True, slots=True)
class Defined:
    """One version of one feature.

    Attributes
    ----------
    version : int
        From 1.
    digest : str
        Of its meaning.
    at_us : int
        When it was first declared.
    meaning : mapping
        Plain values; see :mod:`hindcast.features.meaning`.
    """

    version: int
    digest: str
    at_us: int
    meaning: Mapping[str, Any]


def declared(registry: Registry) -> dict[str, tuple[Defined, ...]]:
    """Every version of every feature that was ever declared, by name, the oldest first."""
    return _folded(registry.ledger.entries(system=registry.system, target=registry.target, kind=KIND))


def declare(
    registry: Registry, features: Iterable[str], meanings: Mapping[str, Mapping[str, Any]], *, at_us: int
) -> dict[str, int]:
    """The version of every declared feature; a declaration other than the last one goes on the ledger.

    Parameters
    ----------
    registry : Registry
    features : iterable of str
        The names that are declared.
    meanings : mapping of str to mapping
        Of these, and of what they are made from.
    at_us : int
        When the declaration was seen.

    Examples
    --------
    >>> from hindcast.registry import Ledger
    >>> registry = Registry(Ledger("sqlite://"), system="flights", target="late")
    >>> [declare(registry, ["delay"], {"delay": {"over": w}}, at_us=1)["delay"] for w in ("24h", "12h", "12h", "24h")]
    [1, 2, 2, 1]
    >>> [entry.body["reason"] for entry in registry.ledger.entries()][1:]
    ['delay changed (over 24h -> 12h)', 'delay is what it was before']
    """
    named = {name: digest(meanings[name]) for name in features}
    system, target = registry.system, registry.target
    if not _news(registry.ledger.entries(system=system, target=target, kind=KIND), named):
        return _versions(declared(registry), named)
    with registry.ledger.writing() as batch:
        entries = batch.entries(system=system, target=target, kind=KIND)
        if not _news(entries, named):
            return _versions(_folded(entries), named)
        known = _folded(entries)
        fresh: dict[str, dict[str, Any]] = {
            name: {"version": len(known.get(name, ())) + 1, "digest": its, "meaning": meanings[name]}
            for name, its in named.items()
            if its not in {defined.digest for defined in known.get(name, ())}
        }
        versions = _versions(known, named) | {name: new["version"] for name, new in fresh.items()}
        before = entries[-1].body["features"] if entries else {}
        old = {name: known[name][version - 1].meaning for name, version in before.items()}
        body = {"features": versions, "defined": fresh, "reason": _reason(old, meanings, before, versions, fresh)}
        batch.append(KIND, body, at_us=at_us, system=system, target=target)
    return versions


def _folded(entries: Iterable[Entry]) -> dict[str, tuple[Defined, ...]]:
    found: dict[str, tuple[Defined, ...]] = {}
    for entry in entries:
        for name, body in entry.body["defined"].items():
            defined = Defined(int(body["version"]), body["digest"], entry.at_us, body["meaning"])
            found[name] = (*found.get(name, ()), defined)
    return found


def _versions(known: Mapping[str, tuple[Defined, ...]], named: Mapping[str, str]) -> dict[str, int]:
    return {
        name: defined.version for name, its in named.items() for defined in known.get(name, ()) if defined.digest == its
    }


def _news(entries: list[Entry], named: Mapping[str, str]) -> bool:
    """Whether the declaration is another than the last one."""
    versions = _versions(_folded(entries), named)
    return not entries or len(versions) < len(named) or versions != entries[-1].body["features"]


def _reason(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    before: Mapping[str, int],
    now: Mapping[str, int],
    fresh: Iterable[str],
) -> str:
    """What is other than in the declaration before, in a sentence."""
    from hindcast.features.meaning import changes

    stayed = [name for name in now if name in before and now[name] != before[name]]
    edited = {name: old[name] for name in stayed if name in fresh}
    said = [str(change) for change in changes(edited, {name: new[name] for name in edited})]
    said += [f"{name} is what it was before" for name in stayed if name not in edited]
    for what, names in (("new", [n for n in now if n not in before]), ("gone", [n for n in before if n not in now])):
        if names:
            said.append(
                f"{len(names)} {'feature is' if len(names) == 1 else 'features are'} {what}: {', '.join(names)}"
            )
    return "; ".join(said)
