"""Documents made flat: the values that stand at declared paths, out of JSON lines, JSON texts, structs or pushed rows.

A path is walked over many documents at once, step by step, so that what paths share is done once; a chunk of a file, a
whole file and a single pushed row go through the same steps. What is absent is null; what is not as declared is a fault
of its row, told with the path and how to mend it. Hostile documents are such faults too: too deep, too long, a name
twice, not UTF-8, not JSON (NaN and Infinity are not).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from hindcast.columns import Column, Kind
from hindcast.errors import UnknownName
from hindcast.facts.fit import fit, short
from hindcast.facts.paths import DocumentPath, Part, Step, spelled
from hindcast.values import Bools

__all__ = [
    "DEEPEST",
    "LONGEST",
    "Fault",
    "Flat",
    "Leaf",
    "Walk",
    "chunks",
    "decode",
    "flat_leaf",
    "flat_rows",
    "step_name",
    "too_deep",
]

LONGEST = 1 << 24
"""Bytes of one document."""
DEEPEST = 64
"""Objects and lists within each other."""

_TOO_DEEP = f"objects and lists stand within each other more than {DEEPEST} deep"
_CHUNK = 4096
_MOST_NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one row's value, and the value as a person should see it."""

    value: Any
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """What stands at one path, document after document; None where there is nothing, or a fault.

    Parameters
    ----------
    values : list, length n
    faults : dict of int to Fault
        By place from 0: rows where the path leads through something that has no such inside.
    """

    values: list[Any] = field(default_factory=list)
    faults: dict[int, Fault] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A leaf as a column of a kind.

    Parameters
    ----------
    column : Column, shape (n,)
        Null where a fault is.
    faults : dict of int to Fault
        By place from 0, in order.
    odd : bool array, shape (n,)
        Where a local clock's time occurred twice or never.
    """

    column: Column
    faults: dict[int, Fault]
    odd: Bools

    @property
    def bad(self) -> Bools:
        """Where the faults are, shape (n,)."""
        result = np.zeros(len(self.column), dtype=np.bool_)
        result[list(self.faults)] = True
        return result


# ---- from text ------------------------------------------------------------------------------------------

_decoded = msgspec.json.Decoder().decode


def decode(texts: Sequence[bytes]) -> tuple[list[Any], dict[int, str]]:
    """JSON texts as Python values, and why some could not be read, by place from 0.

    Stricter than JSON where its readers disagree: a name twice in an object is refused.

    Examples
    --------
    >>> decode([b'{"a": 1}', b'{"a": 1, "a": 2}', b'{"a": NaN}'])[1]
    {1: "the name 'a' stands in one object twice", 2: 'not JSON: invalid character (byte 6)'}
    """
    try:
        values = [_decoded(text) for text in texts]
        faults: dict[int, str] = {}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        values, faults = _one_by_one(texts)
    if max(map(len, texts), default=0) > LONGEST:
        for place in [place for place, text in enumerate(texts) if len(text) > LONGEST]:
            values[place], faults[place] = None, f"longer than {LONGEST} bytes"
    if _doubtful(texts, values):
        for place, text in enumerate(texts):
            doubtful = place not in faults and _doubtful([text], [values[place]])
            if doubtful and (reason := _deep_or_twice(text, values[place])):
                values[place], faults[place] = None, reason
    return values, dict(sorted(faults.items()))


def _one_by_one(texts: Sequence[bytes]) -> tuple[list[Any], dict[int, str]]:
    values: list[Any] = []
    faults: dict[int, str] = {}
    for place, text in enumerate(texts):
        value = None
        try:
            value = _decoded(text)
        except UnicodeDecodeError:
            faults[place] = "not UTF-8"
        except RecursionError:
            faults[place] = _TOO_DEEP
        except (msgspec.MsgspecError, ValueError) as error:
            faults[place] = f"not JSON: {str(error).removeprefix('JSON is malformed: ')}"
        values.append(value)
    return values, faults


def too_deep(values: Sequence[Any]) -> dict[int, str]:
    """The places of values that are too deep, and the reason."""
    if _extent(values)[1] <= DEEPEST:
        return {}
    return {place: _TOO_DEEP for place, value in enumerate(values) if _extent([value])[1] > DEEPEST}


def _doubtful(texts: Sequence[bytes], values: list[Any]) -> bool:
    """Whether a value may be too deep, or a text may hold a name twice: then there are more colons than names.

    A name ends in a quote and a colon, unless blanks stand between them; a quote and a colon that end no name stand
    in a text, the quote escaped. Where the counting would not be exact, that is a doubt too.
    """
    blob = b"\n".join(texts)
    if b'" ' in blob or b'"\t' in blob or b'"\r' in blob or b'\\\\":' in blob or b'"\n' in blob:
        return True
    names, depth = _extent(values)
    return names != blob.count(b'":') - blob.count(b'\\":') or depth > DEEPEST


def _extent(values: Iterable[Any]) -> tuple[int, int]:
    """How many names the objects in these values have together, and how deep the deepest value is."""
    names = depth = 0
    level = [value for value in values if type(value) is dict or type(value) is list]
    while level and depth <= DEEPEST:
        names += sum([len(value) for value in level if type(value) is dict])
        level = [
            inner
            for value in level
            for inner in (value.values() if type(value) is dict else value)
            if type(inner) is dict or type(inner) is list
        ]
        depth += 1
    return names, depth


def _deep_or_twice(text: bytes, value: Any) -> str | None:
    if _extent([value])[1] > DEEPEST:
        return _TOO_DEEP
    twice: list[str] = []

    def met(pairs: list[tuple[str, Any]]) -> None:
        if not twice and len({name for name, _ in pairs}) < len(pairs):
            names = [name for name, _ in pairs]
            twice.append(next(name for place, name in enumerate(names) if name in names[:place]))

    json.loads(text.decode(), object_pairs_hook=met, parse_int=str, parse_float=str)
    return f"the name {short(twice[0])!r} stands in one object twice" if twice else None


# ---- along paths ----------------------------------------------------------------------------------------


class Walk:
    """Walks documents along paths and keeps what stands there.

    Parameters
    ----------
    paths : iterable of DocumentPath
    base : tuple of steps, optional
        Steps that have been taken already: the documents added stand there.

    Examples
    --------
    >>> walk = Walk([DocumentPath.of("items[0].sku"), DocumentPath.of("items.length")])
    >>> walk.add([{"items": [{"sku": "x7"}]}, {"items": []}, {}, {"items": "none"}])
    >>> [leaf.values for leaf in walk.leaves.values()]
    [['x7', None, None, None], [1, 0, None, None]]
    >>> walk.leaves[DocumentPath.of("items.length")].faults[3].reason
    'items is a text that is not JSON'
    """

    def __init__(self, paths: Iterable[DocumentPath], base: tuple[Step, ...] = ()) -> None:
        self.leaves: dict[DocumentPath, Leaf] = {path: Leaf() for path in paths}
        self.count = 0
        self._base = base
        self._found: set[tuple[Step, ...]] = set()
        self._beside: dict[tuple[Step, ...], dict[str, None]] = {}

    def also(self, paths: Iterable[DocumentPath]) -> None:
        """Walk these paths too, which no document so far had."""
        for path in paths:
            self.leaves.setdefault(path, Leaf([None] * self.count))

    def add(self, documents: list[Any]) -> None:
        """Take more documents: objects, lists, or texts that hold JSON."""
        done: dict[tuple[Any, ...], tuple[list[Any], dict[int, Fault]]] = {self._base: (documents, {})}
        for path, leaf in self.leaves.items():
            values, faults = self._at(path.steps, done)
            leaf.values.extend(values)
            for place, fault in faults.items():
                leaf.faults[self.count + place] = fault
        self.count += len(documents)

    def unknown(self, path: DocumentPath) -> UnknownName | None:
        """The error to raise when objects were met where the path goes on, but none has its name; else None."""
        for end in range(len(self._base) + 1, len(path.steps) + 1):
            steps = path.steps[:end]
            if steps not in self._found and steps in self._beside:
                known = [spelled((*steps[:-1], name)) for name in self._beside[steps]]
                return UnknownName("path", spelled(steps), known)
        return None

    def _at(self, steps: tuple[Step, ...], done: dict[tuple[Any, ...], Any]) -> Any:
        """The values at these steps, and the faults met on the way."""
        if steps not in done:
            parents, faults = self._inside(steps[:-1], done)
            self._note(steps, parents)
            values, wrong = _stepped(parents, steps)
            done[steps] = values, ({**faults, **wrong} if wrong else faults)
        return done[steps]

    def _inside(self, steps: tuple[Step, ...], done: dict[tuple[Any, ...], Any]) -> Any:
        """The same, texts being read as the JSON they hold."""
        values, faults = self._at(steps, done)
        if str not in set(map(type, values)):
            return values, faults
        key = (*steps, None)
        if key not in done:
            read, wrong = _parsed(values, spelled(steps))
            done[key] = read, {**faults, **wrong}
        return done[key]

    def _note(self, steps: tuple[Step, ...], parents: list[Any]) -> None:
        """Remember whether any object has the name, and until then which names stand beside it."""
        if steps in self._found or isinstance(steps[-1], int):
            return
        name = step_name(steps[-1])
        if any(type(parent) is dict and name in parent for parent in parents):
            self._found.add(steps)
            return
        for parent in parents:
            if type(parent) is dict:
                beside = self._beside.setdefault(steps, {})
                if len(beside) < _MOST_NAMES:
                    beside.update(dict.fromkeys(parent))


def step_name(step: Step) -> str:
    """The field that a step other than an index asks for in an object."""
    return step.value if isinstance(step, Part) else str(step)


def _stepped(parents: list[Any], steps: tuple[Step, ...]) -> tuple[list[Any], dict[int, Fault]]:
    step = steps[-1]
    kinds = set(map(type, parents))
    if type(step) is str and kinds <= {dict, type(None)}:
        if type(None) not in kinds:
            return [parent.get(step) for parent in parents], {}
        return [None if parent is None else parent.get(step) for parent in parents], {}
    values: list[Any] = []
    faults: dict[int, Fault] = {}
    for place, parent in enumerate(parents):
        value = None
        if type(parent) is dict and not isinstance(step, int):
            value = parent.get(step_name(step))
        elif type(parent) is list and isinstance(step, int):
            value = parent[step] if -len(parent) <= step < len(parent) else None
        elif type(parent) is list and step is Part.LENGTH:
            value = len(parent)
        elif parent is not None:
            faults[place] = Fault(short(parent), _no_way(parent, steps))
        values.append(value)
    return values, faults


def _no_way(parent: Any, steps: tuple[Step, ...]) -> str:
    """Why the last step cannot be taken from what stands before it."""
    here = spelled(steps[:-1]) or "the document"
    if type(parent) is list:
        return f"{here} is a list; take an element of it, as in {here}[0], or {here}.length"
    if type(parent) is dict:
        return f"{here} is an object and no list; name a field of it, as in {here}.{next(iter(parent), 'field')}"
    return f"{here} is {_what(parent)}, with nothing inside it"


def _what(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a time" if isinstance(value, datetime) else str(short(value))


def _parsed(values: list[Any], where: str) -> tuple[list[Any], dict[int, Fault]]:
    """The values, texts among them as the JSON they hold."""
    places = [place for place, value in enumerate(values) if type(value) is str]
    texts, broken = [], {}
    for place in places:
        try:
            text = values[place].encode()
        except UnicodeEncodeError:
            text, broken[place] = b"null", "not UTF-8"
        texts.append(text)
    found, faults = decode(texts)
    broken |= {places[place]: reason for place, reason in faults.items()}
    result = list(values)
    for place, value in zip(places, found, strict=True):
        result[place] = value
    reason = f"{where} is a text that is not JSON"
    return result, {
        place: Fault(short(values[place]), reason if why.startswith("not JSON") else f"{where}: {why}")
        for place, why in sorted(broken.items())
    }


# ---- as columns -----------------------------------------------------------------------------------------


def flat_leaf(name: str, path: DocumentPath, leaf: Leaf, kind: Kind, zone: str | None = None) -> Flat:
    """The leaf as the column `name` of `kind`; a value that is none of that kind is a fault.

    Examples
    --------
    >>> flat = flat_leaf("amount", DocumentPath.of("payment.amount"), Leaf([9.5, {"value": 3}]), "number")
    >>> flat.column.values.tolist(), flat.faults[1].reason
    ([9.5, nan], 'amount: payment.amount is an object (value), not one value; name a field, as in payment.amount.value')
    """
    made = fit(name, leaf.values, kind, zone)
    faults = {place: Fault(fault.value, f"{name}: {fault.reason}") for place, fault in leaf.faults.items()}
    for place, reason in made.faults.items():
        value = leaf.values[place]
        faults[place] = Fault(short(value), _mended(name, path.steps, value, reason))
    return Flat(made.column, dict(sorted(faults.items())), made.odd)


def _mended(name: str, steps: tuple[Step, ...], value: Any, reason: str) -> str:
    """The reason as a letter: the column, the path, and how to mend it."""
    at = spelled(steps)
    if isinstance(value, dict):
        field = spelled((*steps, next(iter(value), "field")))
        return f"{name}: {at} is {short(value)}, not one value; name a field, as in {field}"
    if isinstance(value, list):
        return f"{name}: {at} is {short(value)}, not one value; take an element or its length, as in {at}[0]"
    told = reason.removeprefix(f"{name}: ").rstrip(".")
    place = "" if at == name else f" at {at}"
    return f"{name}: {told}{place}; mend the document, or declare another kind by types="


def flat_rows(rows: Sequence[Mapping[str, Any]], paths: Mapping[str, DocumentPath]) -> dict[str, Leaf]:
    """What stands at each column's path in rows that are documents, as they were pushed or are in memory.

    Examples
    --------
    >>> flat_rows([{"id": 7, "payment": {"amount": 3}}], {"amount": DocumentPath.of("payment.amount")})["amount"].values
    [3]
    """
    walk = Walk(paths.values())
    documents: list[Any] = [row if type(row) is dict else dict(row) for row in rows]
    deep = too_deep(documents)
    for place in deep:
        documents[place] = {}
    walk.add(documents)
    for leaf in walk.leaves.values():
        leaf.faults.update({place: Fault("an object", reason) for place, reason in deep.items()})
    return {name: walk.leaves[path] for name, path in paths.items()}


def chunks(count: int) -> Iterator[slice]:
    """Slices of a few thousand documents: enough to share the work, few enough to stay small."""
    return (slice(start, start + _CHUNK) for start in range(0, count, _CHUNK))
