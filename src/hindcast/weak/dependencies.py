"""Functions that lean on each other: found by what their votes have in common beyond the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.values import Bools, Floats, Ints
from hindcast.weak.em import Estimate, expect, maximise_until
from hindcast.weak.forms import supported
from hindcast.weak.moments import accuracies_of_pairs, association, divergence, freedom, skill_of_all
from hindcast.weak.prior import DEFAULT, Prior, learnt_prior
from hindcast.weak.tables import Shape, likeliest, marginals, vote_like

__all__ = ["NATS", "UNEXPLAINED", "carriers", "forest", "groups", "leaning", "misfit", "price", "settle", "started"]

NATS = 0.002
"""A pair that shares fewer nats a row than this beyond the truth is taken for independent: it moves no posterior."""
UNEXPLAINED = 0.25
"""The share of what functions have in common that a model may leave unexplained and still be trusted with silence."""
_MANY = 500
"""Votes of a function, on average, times the agreement of two beyond chance. From so many on, a quarter of the rows
does for the first steps, and tables need no care."""


_AGREED = 10.0
"""True labels that outweigh what agreement says of a function, where EM sets out."""


def suspicious(nats: Floats, freedom: Floats, rows: int) -> Bools:
    """Pairs that share more than chance (five standard errors) and than matters."""
    return np.asarray((nats > NATS) & (2 * rows * nats > freedom + 5 * np.sqrt(2 * freedom)))


def forest(nats: Floats, allowed: Bools, parent: Ints | None = None) -> Ints:
    """Parents (m,) of the heaviest trees over `allowed` pairs that keep the edges of `parent`; -1 at a root.

    A tree is rooted where most of its edges meet.
    """
    m = len(nats)
    edges = [] if parent is None else [(int(j), int(p)) for j, p in enumerate(parent) if p >= 0]
    tree = list(range(m))

    def top(j: int) -> int:
        while tree[j] != j:
            tree[j] = tree[tree[j]]
            j = tree[j]
        return j

    for i, j in edges:
        tree[top(i)] = top(j)
    pairs = [(-float(nats[i, j]), i, j) for i, j in zip(*np.nonzero(np.triu(allowed, 1)), strict=True)]
    for _, i, j in sorted(pairs):
        if top(int(i)) != top(int(j)):
            tree[top(int(i))] = top(int(j))
            edges.append((int(i), int(j)))
    beside: list[list[int]] = [[] for _ in range(m)]
    for i, j in edges:
        beside[i].append(j)
        beside[j].append(i)
    found = np.full(m, -1, dtype=np.int64)
    seen: set[int] = set()
    for root in sorted(range(m), key=lambda j: (-len(beside[j]), j)):
        waiting = [] if root in seen else [root]
        seen.update(waiting)
        while waiting:
            j = waiting.pop()
            for other in sorted(beside[j]):
                if other not in seen:
                    found[other] = j
                    seen.add(other)
                    waiting.append(other)
    return found


def groups(parent: Ints) -> Ints:
    """The root of each function's tree, (m,)."""
    found = np.arange(len(parent))
    while (parent[found] >= 0).any():
        found = np.where(parent[found] >= 0, parent[found], found)
    return found


def started(
    shape: Shape, joint: Floats | None, rate: Floats, balance: Floats, seen: tuple[Floats, Floats] | None = None
) -> Estimate:
    """Where EM sets out: accuracies from agreement across trees, and leaning functions that add nothing.

    Where the truth of some rows is known: of each function how often it was right there, and how often it voted.
    """
    root = groups(shape.parent)
    accuracy = np.full(len(rate), DEFAULT.accuracy)
    if joint is not None:
        accuracy = accuracies_of_pairs(joint, root[:, None] != root, DEFAULT.accuracy)
    accuracy = np.clip(accuracy, 0.3 + 0.5 / shape.classes, 0.97)
    if seen is not None:
        accuracy = np.clip((_AGREED * accuracy + seen[0]) / (_AGREED + seen[1]), 0.03, 0.97)
    tables = vote_like(accuracy, rate, balance)[shape.function]
    base = shape.base
    for j in np.flatnonzero(shape.parent >= 0):
        assert joint is not None
        pair = joint[shape.parent[j], :, j] + 0.1 * (_with_silence(rate[j]) + 1e-3)
        own = pair / pair.sum(axis=1, keepdims=True)
        tables[base[j] : base[j] + len(own)] = own[:, :, None]
    return Estimate(shape, np.maximum(tables, 1e-6) / np.maximum(tables, 1e-6).sum(axis=1, keepdims=True), balance)


def _with_silence(rate: Floats) -> Floats:
    return np.concatenate([[max(1 - rate.sum(), 0.0)], rate])


def settle(
    votes: NDArray[Any],
    shape: Shape,
    joint: Floats | None,
    rate: Floats,
    balance: Floats,
    *,
    search: bool = True,
    **options: Any,
) -> tuple[Estimate, Prior]:
    """The best of a few models with and without dependence, by the Bayesian information criterion, fitted to `votes`.

    The first has none; functions get the forms that the counts support. Where pairs share more than it explains, trees
    are tried over the pairs that have most in common (whatever the reason) and over those that the model leaves
    unexplained; more edges are added to the best as long as that pays. Edges along which nothing flows are cut.
    """
    n, k = len(votes), shape.classes
    looking: dict[str, Any] = {name: options[name] for name in ("known", "threads") if name in options}
    rough = {**options, "tolerance": 10 * options["tolerance"], "steps": 30}
    few, rough_few, prior = votes, rough, DEFAULT
    skill = (k * DEFAULT.accuracy - 1) / (k - 1) if joint is None else skill_of_all(joint)
    plenty = n * float(rate.sum(axis=1).mean()) * skill**2 >= _MANY
    if plenty:
        few = np.asfortranarray(votes[::4])
        rough_few = {**rough, "known": rough["known"][::4]} if "known" in rough else rough

    known = options.get("known", np.empty(0, dtype=np.int64))
    truth = np.flatnonzero(known >= 0)
    told = votes[truth]
    seen = ((told == known[truth][:, None]).sum(axis=0), (told >= 0).sum(axis=0)) if len(truth) else None

    def sketched(candidate: Shape) -> Estimate:
        """First steps: they need few rows."""
        pseudo = prior.counts(candidate, rate)
        return maximise_until(few, started(candidate, joint, rate, balance, seen), pseudo, even=prior.even, **rough_few)

    def fitted(candidate: Shape, **how: Any) -> Estimate:
        pseudo = prior.counts(candidate, rate)
        return maximise_until(votes, sketched(candidate), pseudo, even=prior.even, **how)

    def worth(estimate: Estimate) -> float:
        return float(estimate.objective[-1] - price(estimate, n))

    def asked(estimate: Estimate) -> float:
        """What functions share by being asked together: it tells of no class."""
        return float(sum(n * quiet[j, p] for j, p in leaning(estimate) if not (tells[j] or tells[p])))

    def formed(estimate: Estimate) -> Estimate:
        """With the forms that the counts support, fitted from where it is."""
        explained = joint is not None and misfit(joint, estimate) <= UNEXPLAINED
        found = expect(votes, estimate, **looking)
        other = supported(found, estimate.shape, silence=explained)
        pseudo = prior.counts(other, rate)
        start = Estimate(other, likeliest(found.counts, pseudo, other), estimate.balance, rate=estimate.rate)
        return maximise_until(votes, start, pseudo, even=prior.even, **options)

    def unexplained(estimate: Estimate, joint: Floats) -> tuple[Floats, Bools]:
        root, tells = groups(estimate.shape.parent), shape.tells
        left = divergence(joint, marginals(estimate.tables, estimate.shape), estimate.balance, tells)
        return left, suspicious(left, freedom(tells, k), n) & (root[:, None] != root)

    tells, quiet = shape.tells, np.zeros((len(rate), len(rate))) if joint is None else silence_shared(joint)
    plain = sketched(shape)
    if not plenty:
        coins = sketched(replace(shape, coin=~shape.tells))
        if joint is not None and coins.shape.coin.sum() > 1:
            prior = learnt_prior(votes, coins.shape, joint, rate, coins, **{"known": known, **rough})
            plain, coins = sketched(shape), sketched(coins.shape)
        plain = max(plain, coins, key=lambda e: e.objective[-1] - akaike(e.shape, n))
    best = formed(plain)
    if not search or joint is None or not unexplained(best, joint)[1].any():
        return best, prior
    shape = replace(shape, coin=~shape.tells)
    together = association(joint, shape.tells)
    top = float(together.max())
    candidates = [forest(*unexplained(plain, joint))]
    candidates += [forest(together, together > top / 2.0**power) for power in (1, 2, 3, 4, 5)]
    tried: dict[bytes, Estimate] = {}
    for parent in candidates:
        if parent.tobytes() not in tried:
            tried[parent.tobytes()] = fitted(shape.leaning(parent), **rough)
    likely = max(tried.values(), key=worth)
    likely = fitted(cut(votes, likely, shape, looking), **options)
    for _ in range(3):
        nats, odd = unexplained(likely, joint)
        if not odd.any():
            break
        more = fitted(shape.leaning(forest(nats, odd, likely.shape.parent)), **rough)
        if worth(more) <= worth(likely):
            break
        likely = more
    likely = formed(likely)
    free = 0.0 if (best.shape.tells != tells).any() else asked(likely)  # unless the other explains it by the class
    return likely if worth(likely) - free > worth(best) else best, prior


def akaike(shape: Shape, rows: int) -> float:
    """What parameters cost by Akaike's criterion, in nats, corrected for few rows."""
    return shape.parameters * max(rows, 1) / max(rows - shape.parameters - 1, 1)


def price(estimate: Estimate, rows: int) -> float:
    """What the parameters cost by the Bayesian information criterion, in nats.

    Each is learnt from the rows of its class (and, of a leaning function, of one vote of its parent), not from all:
    it costs half the logarithm of how many these are, and a table has no more parameters than rows.
    """
    shape, k = estimate.shape, estimate.shape.classes
    whole = 0.5 * math.log(max(rows, 2))
    mass = rows * estimate.balance
    by_class = 0.5 * float(np.log(np.maximum(mass, 1.0)).sum())
    alone = np.where(shape.coin, whole, (k - 1) * by_class) + np.where(shape.tells, by_class, whole)
    total = (k - 1) * whole + float(alone[shape.parent < 0].sum())
    tables = marginals(estimate.tables, shape)
    for parent in shape.parent[shape.parent >= 0].tolist():
        seen = tables[parent] * mass
        total += 0.5 * float((np.minimum(k, seen) * np.log(np.maximum(seen, 1.0))).sum())
    edges, m = int((shape.parent >= 0).sum()), len(shape.parent)
    if edges:  # who leans, and on whom, is found among many who might
        total += math.lgamma(m + 1) - math.lgamma(edges + 1) - math.lgamma(m - edges + 1)
        total += edges * math.log(m - 1)
    return total


def cut(votes: NDArray[Any], estimate: Estimate, alone: Shape, looking: dict[str, Any]) -> Shape:
    """The shape without edges along which, given the class, next to nothing is shared, or no more than by chance.

    Of two functions whose silence does not tell, only rows on which both vote count: who is asked together says nothing
    of what they say.
    """
    shape = estimate.shape
    counts = expect(votes, estimate, **looking).counts
    parent, base, free = shape.parent.copy(), shape.base, freedom(alone.tells, shape.classes)
    for j in np.flatnonzero(parent >= 0):
        own = counts[base[j] : base[j] + shape.classes + 1] + 1e-9
        if not (alone.tells[j] or alone.tells[parent[j]]):
            own = own[1:, 1:]
        apart = own.sum(axis=0) * own.sum(axis=1)[:, None] / own.sum(axis=(0, 1))
        nats = (own * np.log(own / apart)).sum() / len(votes)
        if not suspicious(nats, free[j, parent[j]], len(votes)):
            parent[j] = -1
    return alone.leaning(parent)


def silence_shared(joint: Floats) -> Floats:
    """Nats a row that being silent or not tells of another's being so, (m, m)."""
    voted = joint[:, 1:].sum(axis=1)  # (m, m, K + 1)
    quiet = joint[:, 0]
    both = np.stack([quiet[..., 0], quiet[..., 1:].sum(-1), voted[..., 0], voted[..., 1:].sum(-1)], axis=-1)
    both = both.reshape(*both.shape[:2], 2, 2)
    rows = max(float(both[0, 0].sum()), 1.0) if len(joint) else 1.0
    apart = both.sum(axis=3, keepdims=True) * both.sum(axis=2, keepdims=True) / rows
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(both > 0, both * np.log(both / apart), 0.0)
    shared: Floats = terms.sum(axis=(2, 3)) / rows
    return shared


def misfit(joint: Floats, estimate: Estimate, together: Floats | None = None) -> float:
    """The share of what functions have in common that the model does not explain, from 0 to 1; chance counts as such.

    Pairs within a tree do not count: the tree explains them. What pairs have in common may be given, as `together`.
    """
    k = estimate.shape.classes
    rows = int(joint[0, :, 0].sum()) if len(joint) else 0
    root = groups(estimate.shape.parent)
    across = np.triu(root[:, None] != root, 1)
    if not across.any():
        return 1.0
    tells = estimate.shape.tells
    chance = (freedom(tells, k) / (2 * max(rows, 1)))[across]
    left = divergence(joint, marginals(estimate.tables, estimate.shape), estimate.balance, tells)[across]
    whole = (association(joint, tells) if together is None else together)[across]
    unexplained = (np.maximum(left - chance, 0.0) + chance).sum()
    return float(min(1.0, unexplained / max((np.maximum(whole - chance, 0.0) + chance).sum(), 1e-12)))


def carriers(together: Floats, estimate: Estimate, rows: int) -> tuple[list[int], float]:
    """The functions that have most in common, and the share of what all have in common (`together`) that they share.

    They are those that, one after another, share at least half as much with the ones before as these do among
    themselves. What a tree explains does not count, nor what chance gives.
    """
    shape = estimate.shape
    root = groups(shape.parent)
    chance = freedom(shape.tells, shape.classes) / (2 * max(rows, 1))
    nats = np.where(root[:, None] != root, np.maximum(together - chance, 0.0), 0.0)
    whole = float(nats.sum())
    if whole == 0:
        return [], 0.0
    found = [int(j) for j in np.unravel_index(nats.argmax(), nats.shape)]
    while len(found) < len(nats):
        beside = nats[:, found].mean(axis=1)
        beside[found] = -1.0
        if beside.max() < 0.5 * nats[np.ix_(found, found)].sum() / (len(found) * (len(found) - 1)):
            break
        found.append(int(beside.argmax()))
    return sorted(found), float(nats[np.ix_(found, found)].sum()) / whole


def leaning(estimate: Estimate) -> Iterable[tuple[int, int]]:
    """Pairs (function, the one it leans on)."""
    return [(int(j), int(p)) for j, p in enumerate(estimate.shape.parent) if p >= 0]
