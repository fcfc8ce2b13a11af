"""The laws of a user's own aggregate: what its functions promise one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from hindcast.errors import ConfigError
from hindcast.features.aggregates import Aggregate, Algebra
from hindcast.values import Floats
from hindcast.verdicts import Verdict

__all__ = ["check_aggregate"]

State = tuple[float, ...]
_USUAL = (0.0, 1.0, -1.0, 2.0, 0.5, 0.1, -0.3, 7.25, 60.0, 1e3, -1e3, 1e-3)


def check_aggregate(
    aggregate: Aggregate,
    values: Sequence[float] | Floats | None = None,
    *,
    within: float = 1e-9,
    tries: int = 200,
    seed: int = 0,
) -> list[Verdict]:
    """Hold an aggregate of :func:`hindcast.aggregate` to the laws of its algebra, on samples of values.

    Two states are the same when they read the same, and still do after more values were added to both.

    Parameters
    ----------
    aggregate : Aggregate
        Made by :func:`hindcast.aggregate`.
    values : sequence of float, optional
        What it will meet, to draw samples from; by default numbers of both signs and some sizes. A geometric mean
        wants only positive ones.
    within : float, default 1e-9
        How far readings may be apart, relative to the greater or to 1: sums of floats depend on their order. 0 asks
        for equality.
    tries : int, default 200
        Samples per law.
    seed : int, default 0

    Returns
    -------
    list of Verdict
        ``state``: every state is a tuple of as many floats as the empty one. ``read``: it answers with a float for
        every state, the empty one too. ``pure``: the same arguments give the same state. With a merge, ``empty``
        (merging it changes nothing), ``associative``, ``singleton`` (adding is merging a state of one value) and
        ``split`` (a stretch cut in two and merged is the stretch); with an inverse, ``inverse`` (it takes back the
        newest value, and the oldest).

    Examples
    --------
    >>> from hindcast.features import aggregate
    >>> def add(state, x): return (state[0] + x * x, state[1] + 1.0)
    >>> def merge(a, b): return (a[0] + b[0], a[1] + b[1])
    >>> def read(state): return (state[0] / state[1]) ** 0.5 if state[1] else float("nan")
    >>> rms = aggregate("rms", empty=(0.0, 0.0), add=add, merge=merge, read=read)
    >>> [verdict.outcome for verdict in check_aggregate(rms)]
    ['pass', 'pass', 'pass', 'pass', 'pass', 'pass', 'pass']
    >>> def forgetful(a, b): return a
    >>> wrong = aggregate("rms", empty=(0.0, 0.0), add=add, merge=forgetful, read=read)
    >>> print(next(v.reason for v in check_aggregate(wrong) if v.check == "empty"))
    merge(empty, state) reads nan and the state 0.5, after [0.5]
    """
    algebra = aggregate.algebra
    if algebra is None:
        raise ConfigError(
            f"{aggregate.tokens[0]!r} is not of your own making; check_aggregate() is for hc.aggregate(...)."
        )
    pool = np.asarray(_USUAL if values is None else values, dtype=np.float64)
    pool = pool[~np.isnan(pool)]
    if not len(pool):
        raise ConfigError(f"check_aggregate({aggregate.tokens[0]}) needs values to draw from, got none.")
    samples = _Samples(algebra, pool, tries, seed)
    suite: list[tuple[str, Callable[[_Samples, float], str | None]]] = [
        ("state", _state),
        ("read", _read),
        ("pure", _pure),
    ]
    if algebra.merge is not None:
        suite += [("empty", _empty), ("associative", _associative), ("singleton", _singleton), ("split", _split)]
    if algebra.inverse is not None:
        suite.append(("inverse", _inverse))
    return [_judged(law, check, samples, within) for law, check in suite]


class _Samples:
    """Lists of values, the same ones for every law."""

    def __init__(self, algebra: Algebra, pool: Floats, tries: int, seed: int) -> None:
        self.algebra = algebra
        random = np.random.default_rng(seed)
        sizes = [0, 1, 1, 2, *random.integers(0, 12, max(0, tries - 4)).tolist()]
        self.lists = sorted((random.choice(pool, size).tolist() for size in sizes), key=len)
        self.more: list[float] = random.choice(pool, 3).tolist()

    def __iter__(self) -> Iterator[list[float]]:
        return iter(self.lists)

    def folded(self, xs: Sequence[float], state: State | None = None) -> State:
        state = self.algebra.empty if state is None else state
        for x in xs:
            state = self.algebra.add(state, x)
        return state

    def differ(self, left: State, right: State, within: float) -> tuple[float, float] | None:
        """What two states read where they can be told apart."""
        for more in ([], self.more):
            a, b = (float(self.algebra.read(self.folded(more, state))) for state in (left, right))
            if not _near(a, b, within):
                return a, b
        return None


def _near(a: float, b: float, within: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= within * max(1.0, abs(a), abs(b))


def _judged(law: str, check: Callable[[_Samples, float], str | None], samples: _Samples, within: float) -> Verdict:
    try:
        wrong = check(samples, within)
    except Exception as error:  # a user's function may raise anything; the law tells
        wrong = f"a function raised {type(error).__name__}: {error}"
    return Verdict.failed(law, wrong) if wrong else Verdict.passed(law, f"held on {len(samples.lists)} samples")


def _state(samples: _Samples, within: float) -> str | None:
    algebra = samples.algebra
    made: list[tuple[str, Any]] = []
    for xs in samples:
        made.append((f"add, after {xs}", samples.folded(xs)))
        if algebra.merge is not None:
            made.append((f"merge, after {xs}", algebra.merge(samples.folded(xs), algebra.empty)))
        if algebra.inverse is not None and xs:
            made.append((f"inverse, after {xs}", algebra.inverse(samples.folded(xs), xs[0])))
    for said, state in made:
        if not isinstance(state, tuple) or len(state) != len(algebra.empty):
            return f"{said}, gives {state!r}; every state is a tuple of {len(algebra.empty)} floats, as empty is"
        if not all(isinstance(part, int | float) for part in state):
            return f"{said}, gives {state!r}, which holds more than floats"
    return None


def _read(samples: _Samples, within: float) -> str | None:
    for xs in samples:
        value = samples.algebra.read(samples.folded(xs))
        if not isinstance(value, int | float):
            return f"read gives {value!r} after {xs}; a float is wanted, nan for null"
    return None


def _pure(samples: _Samples, within: float) -> str | None:
    for xs in samples:
        if repr(samples.folded(xs)) != repr(samples.folded(xs)):
            return f"folding {xs} twice gives two states; the functions must depend on their arguments only"
    return None


def _empty(samples: _Samples, within: float) -> str | None:
    merge, empty = samples.algebra.merge, samples.algebra.empty
    assert merge is not None
    for xs in samples:
        state = samples.folded(xs)
        for said, left, right in (("empty, state", empty, state), ("state, empty", state, empty)):
            told = samples.differ(merge(left, right), state, within)
            if told:
                return f"merge({said}) reads {told[0]!r} and the state {told[1]!r}, after {xs}"
    return None


def _associative(samples: _Samples, within: float) -> str | None:
    merge = samples.algebra.merge
    assert merge is not None
    lists = samples.lists
    for at, xs in enumerate(lists):
        ys, zs = lists[(7 * at + 1) % len(lists)], lists[(11 * at + 5) % len(lists)]
        a, b, c = (samples.folded(part) for part in (xs, ys, zs))
        told = samples.differ(merge(merge(a, b), c), merge(a, merge(b, c)), within)
        if told:
            return f"merging {xs}, {ys}, {zs} from the left reads {told[0]!r}, from the right {told[1]!r}"
    return None


def _singleton(samples: _Samples, within: float) -> str | None:
    algebra = samples.algebra
    assert algebra.merge is not None
    for xs in samples:
        for x in samples.more:
            state = samples.folded(xs)
            told = samples.differ(algebra.add(state, x), algebra.merge(state, algebra.add(algebra.empty, x)), within)
            if told:
                return f"adding {x!r} to {xs} reads {told[0]!r}, merging a state of it {told[1]!r}"
    return None


def _split(samples: _Samples, within: float) -> str | None:
    algebra = samples.algebra
    assert algebra.merge is not None
    for xs in samples:
        for cut in range(len(xs) + 1):
            merged = algebra.merge(samples.folded(xs[:cut]), samples.folded(xs[cut:]))
            told = samples.differ(merged, samples.folded(xs), within)
            if told:
                return f"{xs[:cut]} and {xs[cut:]} merged read {told[0]!r}, together {told[1]!r}"
    return None


def _inverse(samples: _Samples, within: float) -> str | None:
    inverse = samples.algebra.inverse
    assert inverse is not None
    for xs in samples:
        state = samples.folded(xs)
        for x, left in [(xs[-1], xs[:-1]), (xs[0], xs[1:])] if xs else []:
            told = samples.differ(inverse(state, x), samples.folded(left), within)
            if told:
                return f"taking {x!r} back out of {xs} reads {told[0]!r}, never having had it {told[1]!r}"
    return None
