"""The state of online features as named arrays, and back to the bit.

Names are paths, such as ``group-0/floats``; what stands before the first slash is written to one file. Small numbers
and texts travel in arrays too, so that a state is nothing but arrays. Folds are there as they lie in memory, so they
are read again only under the same plan and the same layout (:func:`layout_of`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame, Kind
from hindcast.facts.facts import Facts
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.fold.current import Current
from hindcast.fold.index import Index, Keys
from hindcast.fold.pool import Pool
from hindcast.values import digest

__all__ = ["Arrays", "dump_facts", "dump_online", "layout_of", "load_facts", "load_online"]

Arrays = dict[str, np.ndarray]
_KINDS: tuple[Kind, ...] = ("number", "integer", "time", "boolean", "text", "list")


def layout_of(plan: FeaturePlan) -> str:
    """A digest of how the folds of a plan lie in memory."""
    return digest([state.group.spec.tolist() for state in OnlineFeatures(plan).groups])


# ---- texts, facts ---------------------------------------------------------------------------------------


def _dump_texts(at: str, texts: Sequence[str], into: Arrays) -> None:
    data = [text.encode("utf-8", "surrogatepass") for text in texts]
    into[f"{at}/sizes"] = np.array([len(text) for text in data], dtype=np.int64)
    into[f"{at}/bytes"] = np.frombuffer(b"".join(data), dtype=np.uint8)


def _load_texts(at: str, arrays: Mapping[str, np.ndarray]) -> list[str]:
    data = arrays[f"{at}/bytes"].tobytes()
    ends = np.cumsum(arrays[f"{at}/sizes"]).tolist()
    return [data[a:b].decode("utf-8", "surrogatepass") for a, b in zip([0, *ends], ends, strict=False)]


def dump_facts(at: str, facts: Facts, into: Arrays) -> None:
    """Facts under a name."""
    into[f"{at}/event"], into[f"{at}/known"] = facts.event, facts.known
    into[f"{at}/seq"], into[f"{at}/retract"] = facts.seq, facts.retract
    _dump_texts(f"{at}/names", facts.frame.names, into)
    for n, column in enumerate(facts.frame.values()):
        place = f"{at}/{n}"
        into[f"{place}/kind"] = np.array([_KINDS.index(column.kind)], dtype=np.int64)
        if column.kind == "text":
            assert column.vocabulary is not None
            used, codes = np.unique(column.values, return_inverse=True)
            nulls = int(len(used) > 0 and used[0] < 0)
            into[f"{place}/values"] = (codes - nulls).astype(np.int32)
            _dump_texts(f"{place}/words", column.vocabulary[used[nulls:]].tolist(), into)
        elif column.kind == "list":
            _dump_texts(f"{place}/words", [json.dumps(value) for value in column.values], into)
        else:
            into[f"{place}/values"] = column.values
            if column.valid is not None:
                into[f"{place}/valid"] = column.valid


def load_facts(at: str, arrays: Mapping[str, np.ndarray]) -> Facts:
    """What :func:`dump_facts` put there."""
    length = len(arrays[f"{at}/event"])
    columns: dict[str, Column] = {}
    for n, name in enumerate(_load_texts(f"{at}/names", arrays)):
        place = f"{at}/{n}"
        kind = _KINDS[int(arrays[f"{place}/kind"][0])]
        if kind == "list":
            lists = [
                None if value is None else tuple(value)
                for value in map(json.loads, _load_texts(f"{place}/words", arrays))
            ]
            columns[name] = Column.of_kind(lists, "list")
            continue
        vocabulary = None
        if kind == "text":
            words = _load_texts(f"{place}/words", arrays)
            vocabulary = np.empty(len(words), dtype=object)
            vocabulary[:] = words
        columns[name] = Column(kind, arrays[f"{place}/values"], arrays.get(f"{place}/valid"), vocabulary)
    event, known, seq, retract = (arrays[f"{at}/{part}"] for part in ("event", "known", "seq", "retract"))
    return Facts(event, known, seq, retract, Frame(columns, length))


# ---- indexes and folds ----------------------------------------------------------------------------------


def _dump_index(at: str, index: Index, into: Arrays) -> None:
    into[f"{at}/count"] = np.array([index.count], dtype=np.int64)
    for n, keys in enumerate(index.columns):
        place = f"{at}/{n}"
        into[f"{place}/count"] = np.array([keys.count], dtype=np.int64)
        into[f"{place}/whole"] = keys.whole.values[: keys.whole.count]
        into[f"{place}/fraction"] = keys.fractions.values[: keys.fractions.count]
        _dump_texts(f"{place}/text", keys.words.words, into)
        _dump_texts(f"{place}/kinds", list(keys.numbers), into)
        for kind, numbers in keys.numbers.items():
            into[f"{place}/numbers-{kind}"] = numbers
    for n, pairs in enumerate(index.pairs):
        into[f"{at}/pairs-{n}"] = pairs.values[: pairs.count]


def _load_index(at: str, index: Index, arrays: Mapping[str, np.ndarray]) -> None:
    index.count = int(arrays[f"{at}/count"][0])
    for n, keys in enumerate(index.columns):
        place = f"{at}/{n}"
        keys.count = int(arrays[f"{place}/count"][0])
        keys.whole.fill(arrays[f"{place}/whole"])
        keys.fractions.fill(arrays[f"{place}/fraction"])
        keys.words.fill(_load_texts(f"{place}/text", arrays))
        for kind in _load_texts(f"{place}/kinds", arrays):
            keys.numbers[kind] = arrays[f"{place}/numbers-{kind}"]
    for n, pairs in enumerate(index.pairs):
        pairs.fill(arrays[f"{at}/pairs-{n}"])
    if index.named:
        index.keys = _names(index)
        index.ids = {key: number for number, key in enumerate(index.keys)}


def _names(index: Index) -> list[tuple[Any, ...]]:
    """The keys of an index by number."""
    if not index.columns:
        return [()] * index.count
    found: list[tuple[Any, ...]] = [(value,) for value in _values(index.columns[0])]
    for keys, pairs in zip(index.columns[1:], index.pairs, strict=True):
        values, numbers = _values(keys), pairs.values[: pairs.count]
        left, right = (numbers >> 32).tolist(), (numbers & 0xFFFFFFFF).tolist()
        found = [(*found[a], values[b]) for a, b in zip(left, right, strict=True)]
    return found


def _values(keys: Keys) -> list[Any]:
    """The values of a key column by number."""
    own: dict[str, list[Any]] = {
        "whole": keys.whole.values[: keys.whole.count].tolist(),
        "fraction": keys.fractions.values[: keys.fractions.count].view(np.float64).tolist(),
        "text": keys.words.words,
    }
    if len(keys.numbers) < 2:
        return own[next(iter(keys.numbers), "whole")]
    found: list[Any] = [None] * keys.count
    for kind, numbers in keys.numbers.items():
        for number, value in zip(numbers.tolist(), own[kind], strict=True):
            found[number] = value
    return found


def _dump_pool(at: str, pool: Pool, into: Arrays) -> None:
    _dump_index(f"{at}/index", pool.index, into)
    into.update({f"{at}/{name}": array for name, array in pool.arrays().items()})


def _load_pool(at: str, pool: Pool, arrays: Mapping[str, np.ndarray]) -> None:
    _load_index(f"{at}/index", pool.index, arrays)
    pool.fill(*(arrays[f"{at}/{name}"] for name in pool.arrays()))


def _dump_current(at: str, current: Current, into: Arrays) -> None:
    _dump_index(f"{at}/index", current.index, into)
    into[f"{at}/held"] = current.held[: len(current.index)]
    into[f"{at}/stamp"] = np.array([current.stamp], dtype=np.int64)


def _load_current(at: str, current: Current, arrays: Mapping[str, np.ndarray]) -> None:
    _load_index(f"{at}/index", current.index, arrays)
    current.held = arrays[f"{at}/held"].copy()
    current.stamp = int(arrays[f"{at}/stamp"][0])


# ---- the whole ------------------------------------------------------------------------------------------


def dump_online(online: OnlineFeatures, at: str = "") -> Arrays:
    """All that a state consists of; the arrays are its own, so write them before it moves on."""
    into: Arrays = {f"{at}state/numbers": np.array([online.now_us, online.pushed, online.pushes], dtype=np.int64)}
    for n, state in enumerate(online.groups):
        place = f"{at}group-{n}"
        _dump_pool(place, state.pool, into)
        into[f"{place}/now"] = np.array([state.now_us], dtype=np.int64)
        texts = [slot for slot, words in enumerate(state.words) if words is not None]
        into[f"{place}/texts"] = np.array(texts, dtype=np.int64)
        for slot in texts:
            _dump_texts(f"{place}/words-{slot}", state.number_texts(slot).words, into)
    for n, (_, current) in enumerate(sorted(online.current.items())):
        _dump_current(f"{at}current-{n}", current, into)
    for n, (known, seq, push, table, facts) in enumerate(online.waiting):
        into[f"{at}waiting/{n}/place"] = np.array([known, seq, push], dtype=np.int64)
        _dump_texts(f"{at}waiting/{n}/table", [table], into)
        dump_facts(f"{at}waiting/{n}", facts, into)
    into[f"{at}state/waiting"] = np.array([len(online.waiting)], dtype=np.int64)
    for n, lookup in enumerate(online.lookups.values()):
        into.update(dump_online(lookup, f"{at}lookup-{n}-"))
    return into


def load_online(plan: FeaturePlan, arrays: Mapping[str, np.ndarray]) -> OnlineFeatures:
    """The state that :func:`dump_online` was given; `arrays` may be read only."""
    online = OnlineFeatures(plan)
    _load(online, arrays, "")
    return online


def _load(online: OnlineFeatures, arrays: Mapping[str, np.ndarray], at: str) -> None:
    online.now_us, online.pushed, online.pushes = arrays[f"{at}state/numbers"].tolist()
    for n, state in enumerate(online.groups):
        place = f"{at}group-{n}"
        _load_pool(place, state.pool, arrays)
        state.now_us = int(arrays[f"{place}/now"][0])
        for slot in arrays[f"{place}/texts"].tolist():
            state.number_texts(slot).fill(_load_texts(f"{place}/words-{slot}", arrays))
    for n, (_, current) in enumerate(sorted(online.current.items())):
        _load_current(f"{at}current-{n}", current, arrays)
    for n in range(int(arrays[f"{at}state/waiting"][0])):
        known, seq, push = arrays[f"{at}waiting/{n}/place"].tolist()
        (table,) = _load_texts(f"{at}waiting/{n}/table", arrays)
        online.waiting.append((known, seq, push, table, load_facts(f"{at}waiting/{n}", arrays)))
    for n, lookup in enumerate(online.lookups.values()):
        _load(lookup, arrays, f"{at}lookup-{n}-")
