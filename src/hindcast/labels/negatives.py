"""Negatives drawn for positives, where feedback only says yes: items that somebody could have taken and did not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.labels.moments import listed, moments_of
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, number, seed_of, whole
from hindcast.sampling import strata_of
from hindcast.values import NEVER, Bools, Floats, Ints

__all__ = ["Negatives", "sample_negatives"]

_NEGATIVES = 81
_ROUNDS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Negatives:
    """Negatives beside positives.

    Parameters
    ----------
    positive : int64 array, shape (k,)
        The place of the positive that each negative was drawn for.
    item : array, shape (k,)
        The item drawn, named as the positives name theirs.
    probability : float64 array, shape (k,)
        The chance of the item in one draw for that positive, among all that could be drawn; NaN for hard negatives.
    weights : float64 array, shape (k,)
        ``1 / (draws * probability)``: so weighted the drawn negatives of a positive stand for all items that could have
        been drawn, without bias. 1 for hard negatives, which stand for nothing but themselves.
    unanswered : int64 array
        Positives for which no item was left to draw.
    notes : tuple of str
    """

    positive: Ints
    item: Any
    probability: Floats
    weights: Floats
    unanswered: Ints
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of negatives."""
        return len(self.positive)

    def log_correction(self, draws: int) -> Floats:
        """``log(draws * probability)``, to be taken off a sampled softmax's logit (Bengio and Senecal 2008)."""
        return np.asarray(np.log(draws * self.probability))


def sample_negatives(
    group: Any,
    item: Any,
    *,
    draws: int = 4,
    at: Any = None,
    how: Literal["uniform", "popularity", "hard"] = "uniform",
    alpha: float = 0.75,
    items: Any = None,
    since: Any = None,
    until: Any = None,
    popularity: Any = None,
    score: Callable[[Ints, Any], Any] | None = None,
    pool: int = 50,
    seed: int = 0,
) -> Negatives:
    """Draw `draws` negatives for each positive, among items that existed then and that its group never took.

    Parameters
    ----------
    group, item : array_like, shape (n,)
        Who took what: the positives. All of a group's items are left out of its negatives, so pass what is known now.
    draws : int, default 4
        With replacement: an item may come twice for one positive.
    at : array_like of moments, shape (n,), optional
        When, so that only items that existed are drawn.
    how : {"uniform", "popularity", "hard"}
        The same chance for each item; in proportion to ``popularity ** alpha`` (Mikolov et al. 2013: 0.75); or the
        `draws` of highest `score` among a uniform `pool`, without repeats.
    alpha : float, default 0.75
        0 is uniform, 1 is by popularity.
    items : array_like, optional
        All items; those of the positives unless given.
    since, until : array_like of moments, shape (items,), optional
        When each of `items` came and went: it can be drawn when ``since <= at < until``. Missing for always.
    popularity : array_like, shape (items,), optional
        Positives of each item unless given. Where later tastes must not be seen, give counts of the time before.
    score : callable, optional
        ``score(places, items)`` to numbers: how positives at `places` (k,) would rate `items` (k,). For hard negatives.
    pool : int, default 50
    seed : int, default 0

    Notes
    -----
    Candidates are drawn for all positives at once, and those that are not allowed drawn again; what is left after 30
    rounds is drawn from its own list. O(n draws) and little more, unless groups took most items. Negatives that
    somebody would have liked and never saw are among them: hard ones most of all.

    Examples
    --------
    >>> found = sample_negatives(["ann", "ann", "bob"], ["x", "y", "x"], items=["x", "y", "z"], draws=2, seed=1)
    >>> sorted(set(zip(found.positive.tolist(), found.item.tolist())))
    [(0, 'z'), (1, 'z'), (2, 'y'), (2, 'z')]
    >>> found.probability.tolist()
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5]
    """
    choice("how", how, ("uniform", "popularity", "hard"), where="sample_negatives")
    draws, seed = whole("sample_negatives: draws", draws, least=1, most=1_000_000), seed_of(seed)
    pool = whole("sample_negatives: pool", pool, least=draws if how == "hard" else 1, most=1_000_000)
    alpha = number("sample_negatives: alpha", alpha, least=0, most=100)
    if score is not None and not callable(score):
        raise ConfigError(f"sample_negatives: score is a function of places and items, got {score!r}.")
    if (how == "hard") != (score is not None):
        raise ConfigError("sample_negatives: hard negatives need a score, and others take none.")
    took = _Taken.of(group, item, items)
    n, size = len(took.group), len(took.names)
    load = np.ones(size)
    if how == "popularity":
        counts = np.bincount(took.item, minlength=size).astype(np.float64)
        if popularity is not None:
            counts = np.asarray(numbers(popularity, "popularity"))
        if counts.shape != (size,) or not (np.isfinite(counts) & (counts >= 0)).all():
            raise DataError(f"popularity is a count for each of the {size} items, at least zero.")
        load = np.power(counts, alpha)  # 0 to the 0 is 1
    world = _World.of(load, at, since, until, n)
    random = np.random.default_rng([seed, _NEGATIVES])
    total = world.total(took)
    able = total > 1e-12 * max(float(load.sum()), 1e-300)
    asked = np.flatnonzero(able)
    unanswered = np.flatnonzero(~able)
    notes = [f"{len(unanswered)} positives have no item left to draw"] if len(unanswered) else []
    each = pool if how == "hard" else draws
    positive = np.repeat(asked, each)
    drawn = _draw(positive, took, world, random)
    if how == "hard":
        assert score is not None
        positive, drawn = _hardest(positive, drawn, took, draws, score)
        notes.append("hard negatives have no known chances: scores learnt on them are no probabilities")
        probability, weights = np.full(len(drawn), np.nan), np.ones(len(drawn))
    else:
        probability = world.load[drawn] / total[positive]
        weights = 1.0 / (draws * probability)
    return Negatives(positive, took.names[drawn], probability, weights, unanswered, tuple(notes))


# ---- inside -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """Who took what, in codes, and the sorted pairs of both."""

    group: Ints
    item: Ints
    names: Any
    pairs: Ints

    @staticmethod
    def of(group: Any, item: Any, items: Any) -> _Taken:
        groups, taken = strata_of(group), strata_of(item)
        if len(groups.code) != len(taken.code):
            raise DataError(f"{len(groups.code)} groups meet {len(taken.code)} items; give one of each per positive.")
        names = list(taken.names) if items is None else listed(items, "items")
        wrong = next((row for row, name in enumerate(names) if getattr(name, "__hash__", None) is None), None)
        if wrong is not None:
            raise DataError("a name is a text or a number", row=wrong + 1, column="items", value=names[wrong])
        place = {name: at for at, name in enumerate(names)}
        if len(place) != len(names):
            raise DataError("an item is listed twice.")
        for name in taken.names:
            if name not in place:
                raise UnknownName("item", str(name), map(str, names), where="sample_negatives")
        recode = np.array([place[name] for name in taken.names], dtype=np.int64)
        code = recode[taken.code] if len(taken.code) else taken.code
        array = np.empty(len(names), dtype=object)
        array[:] = names  # texts and tuples stay what they are
        if names and all(type(name) in (int, float) for name in names):
            array = np.asarray(names)
        return _Taken(groups.code, code, array, np.unique(groups.code * max(len(names), 1) + code))

    def has(self, group: Ints, item: Ints) -> Bools:
        """Whether each group took each item."""
        if not len(self.pairs):
            return np.zeros(len(group), dtype=np.bool_)
        wanted = group * len(self.names) + item
        at = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        return np.asarray(self.pairs[at] == wanted)


@dataclass(frozen=True, slots=True, eq=False)
class _World:
    """How much chance each item has, and when it existed."""

    load: Floats
    at: Ints
    since: Ints
    until: Ints

    @staticmethod
    def of(load: Floats, at: Any, since: Any, until: Any, n: int) -> _World:
        if at is None and (since is not None or until is not None):
            raise ConfigError("sample_negatives: items that come and go need the moment of each positive (at=).")
        moments = np.zeros(n, dtype=np.int64) if at is None else moments_of(at, "at")
        if len(moments) != n:
            raise DataError(f"{n} positives came with {len(moments)} moments.")
        born = np.full(len(load), -NEVER) if since is None else moments_of(since, "since")
        gone = np.full(len(load), NEVER) if until is None else moments_of(until, "until")
        born = np.where(born >= NEVER, -NEVER, born)
        for name, values in (("since", born), ("until", gone)):
            if len(values) != len(load):
                raise DataError(f"{len(load)} items came with {len(values)} moments of `{name}`.")
        return _World(load, moments, born, np.maximum(gone, born))

    def there(self, positive: Ints, item: Ints) -> Bools:
        """Whether each item existed at the moment of each positive."""
        at = self.at[positive]
        return np.asarray((self.since[item] <= at) & (at < self.until[item]))

    def total(self, took: _Taken) -> Floats:
        """For each positive the load of all items that may be drawn for it."""
        n, size = len(took.group), len(self.load)
        born, gone = np.argsort(self.since, kind="stable"), np.argsort(self.until, kind="stable")
        came = np.concatenate([[0.0], np.cumsum(self.load[born])])
        left = np.concatenate([[0.0], np.cumsum(self.load[gone])])
        total = came[np.searchsorted(self.since[born], self.at, side="right")]
        total = total - left[np.searchsorted(self.until[gone], self.at, side="right")]
        if not n:
            return np.asarray(total)
        owner, item = np.divmod(took.pairs, max(size, 1))
        bounds = np.searchsorted(owner, np.arange(int(took.group.max()) + 2))
        order = np.argsort(took.group, kind="stable")
        starts = np.searchsorted(took.group[order], np.arange(len(bounds)))
        for code in range(len(bounds) - 1):
            rows, mine = order[starts[code] : starts[code + 1]], item[bounds[code] : bounds[code + 1]]
            for chunk in np.array_split(rows, max(1, len(rows) * len(mine) // 4_000_000)):
                at = self.at[chunk][:, None]
                existed = (self.since[mine] <= at) & (at < self.until[mine])
                total[chunk] -= (existed * self.load[mine]).sum(axis=1)
        return np.asarray(total)


def _draw(positive: Ints, took: _Taken, world: _World, random: np.random.Generator) -> Ints:
    """One allowed item for each entry of `positive`, by the items' loads."""
    ends = np.cumsum(world.load)
    drawn = np.zeros(len(positive), dtype=np.int64)
    todo = np.arange(len(positive))
    for _ in range(_ROUNDS):
        if not len(todo):
            return drawn
        luck = random.random(len(todo)) * ends[-1]
        candidate = np.minimum(np.searchsorted(ends, luck, side="right"), len(ends) - 1)
        fine = world.there(positive[todo], candidate) & ~took.has(took.group[positive[todo]], candidate)
        fine &= world.load[candidate] > 0
        drawn[todo[fine]] = candidate[fine]
        todo = todo[~fine]
    every = np.arange(len(world.load))
    rows, starts = np.unique(positive[todo], return_index=True)
    for row, mine in zip(rows.tolist(), np.split(todo, starts[1:]), strict=True):
        one = np.full(len(every), row)
        allowed = every[world.there(one, every) & ~took.has(took.group[one], every) & (world.load > 0)]
        running = np.cumsum(world.load[allowed])
        luck = random.random(len(mine)) * running[-1]
        drawn[mine] = allowed[np.minimum(np.searchsorted(running, luck, side="right"), len(allowed) - 1)]
    return drawn


def _hardest(
    positive: Ints, drawn: Ints, took: _Taken, draws: int, score: Callable[[Ints, Any], Any]
) -> tuple[Ints, Ints]:
    """Of each positive's distinct candidates the `draws` of highest score; ties to the earlier item."""
    size = len(took.names)
    both = np.unique(positive * size + drawn)
    positive, drawn = np.divmod(both, max(size, 1))
    rating = np.asarray(score(positive, took.names[drawn]), dtype=np.float64)
    if rating.shape != drawn.shape or np.isnan(rating).any():
        raise DataError(f"a score gives one number for each of {len(drawn)} pairs, got shape {rating.shape}.")
    order = np.lexsort((drawn, -rating, positive))
    positive, drawn = positive[order], drawn[order]
    first = np.searchsorted(positive, positive, side="left")
    kept = np.arange(len(positive)) - first < draws
    return positive[kept], drawn[kept]
