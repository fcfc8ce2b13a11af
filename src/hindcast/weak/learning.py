"""From votes to a fitted model: its shape on a sample, its parameters on all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.values import Bools, Floats, Ints
from hindcast.weak.dependencies import UNEXPLAINED, carriers, leaning, misfit, settle
from hindcast.weak.em import Estimate, expect, maximise_until
from hindcast.weak.moments import association, joint_counts
from hindcast.weak.prior import DEFAULT
from hindcast.weak.tables import Shape, likeliest, marginals, vote_like

__all__ = ["Learnt", "learn"]

SAMPLE = 1 << 14
"""Rows on which the shape of the model is chosen and EM does most of its steps."""
_WIDEST = 1_500
"""Columns of joint counts, at most: beyond, pairs are not looked at."""
_RULE, _RULES = 0.9, 10.0
"""A rule near the vote is right nine times out of ten; with true labels at hand, that counts as ten of its votes."""
_CARRIED, _FEW_OF = 0.7, 0.6
"""Few functions are said to carry what all have in common from this share on, and up to this share of the functions."""
_SURE = 0.999
_HELD = 10.0
"""Pseudo-rows per row at an excess of one half."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was learnt from votes.

    Attributes
    ----------
    estimate : Estimate
        Of the functions that are kept.
    kept : int64 array
        Functions with votes of their own: all but those that always vote like an earlier one.
    place : int64 array, shape (m,)
        Where in `kept` each function, or the one it repeats, stands.
    rate : float64 array, shape (kept, K)
        How often each votes for each class.
    unexplained : float
        The share of what functions have in common that the model does not explain; NaN where pairs were not looked at.
    notes : tuple of str
    held : str
        Why functions that vote for one class only are held near the vote, and silence is not heard when labels are
        made; empty where it is.
    doubt : str
        What the votes cannot tell, and a few true labels could.
    """

    estimate: Estimate
    kept: Ints
    place: Ints
    rate: Floats
    unexplained: float
    notes: tuple[str, ...]
    held: str = ""
    doubt: str = ""


def learn(
    votes: NDArray[Any],
    rate: Floats,
    known: Ints,
    given: Floats | None,
    *,
    dependence: bool,
    steps: int,
    tolerance: float,
    seed: int,
    threads: int | None,
    names: tuple[str, ...],
    progress: Callable[[int, int], None] | None,
) -> Learnt:
    """Learn from `votes`, (n, m), and `known` classes, (n,) or empty; see :class:`hindcast.weak.LabelModel`.

    `rate`, (m, K), is how often each function votes for each class.
    """
    (n, m), classes = votes.shape, rate.shape[1]
    kept, place = _distinct(votes, rate)
    notes = [f"{names[j]} always votes like {names[kept[place[j]]]}: they count once" for j in _copies(kept, m)]
    mute = [names[j] for j in range(m) if rate[j].sum() == 0]
    notes += [f"never voted: {', '.join(mute)}"] if mute else []
    used = votes if len(kept) == m else np.asfortranarray(votes[:, kept])
    rate = rate[kept]
    one_sided = _one_sided(rate, n)
    shape = Shape.of(classes, np.zeros(len(kept), dtype=bool), one_sided)
    even = np.full(classes, 1 / classes) if given is None else given
    if classes == 1 or rate.sum() == 0:
        notes.append("there is one class only" if classes == 1 else "nobody voted: every row has the balance")
        tables = likeliest(np.zeros((len(kept), classes + 1, classes)), DEFAULT.counts(shape, rate), shape)
        estimate = Estimate(shape, tables, even, (), True)
        return Learnt(estimate, kept, place, rate, float("nan"), tuple(notes))
    options: dict[str, Any] = {"learn_balance": given is None, "threads": threads, "tolerance": tolerance}
    rows = _sample(n, known, seed)
    part, told = (used, known) if rows is None else (_rows_of(used, rows), known[rows] if len(known) else known)
    joint = joint_counts(part, classes) if len(kept) * (classes + 1) <= _WIDEST else None
    if joint is None:
        notes.append(f"dependence was not looked for among {len(kept)} functions")
    search = dependence and len(kept) > 2
    estimate, prior = settle(part, shape, joint, rate, even, search=search, known=told, **options)
    estimate = _named(estimate, part, told, threads)
    together = None if joint is None else association(joint, estimate.shape.tells)
    unexplained = float("nan") if joint is None else misfit(joint, estimate, together)
    contrary = _contrary(estimate, one_sided, rate)
    doubted = float(np.nanmax([unexplained, contrary]))
    held = doubt = ""
    pseudo = prior.counts(estimate.shape, rate)
    if one_sided.any() and doubted > UNEXPLAINED:
        options["learn_balance"] = False
        estimate, pseudo = _near_the_vote(used, known, estimate, one_sided, rate, even, doubted)
        if contrary > unexplained:
            reason = f"{contrary:.0%} of the votes for one class only would be worse than chance"
        else:
            reason = f"{unexplained:.0%} of what functions have in common is not explained by a common truth"
        held = f"{reason}: functions that vote for one class only are held near the vote"
        held += ", and the balance is taken to be even" if given is None else ""
        notes.append(held)
    elif together is not None and not len(known):
        group, carried = carriers(together, estimate, len(part))
        if carried > _CARRIED and len(group) <= _FEW_OF * len(kept):
            doubt = (
                f"{carried:.0%} of what functions have in common is between {', '.join(names[kept[j]] for j in group)}"
            )
            doubt += ": good ones or copies of one source, votes cannot tell; true labels of some rows can"
            notes.append(doubt)
    estimate = maximise_until(
        used, estimate, pseudo, even=prior.even, known=known, steps=steps, progress=progress, **options
    )
    notes += [] if estimate.converged else [f"EM had not converged after {steps} steps"]
    notes += [f"{names[kept[j]]} leans on {names[kept[p]]}" for j, p in leaning(estimate)]
    return Learnt(estimate, kept, place, rate, unexplained, tuple(notes), held, doubt)


def _distinct(votes: NDArray[Any], rate: Floats) -> tuple[Ints, Ints]:
    """The first of each set of functions with the same votes, and where each function stands among them."""
    seen: dict[bytes, int] = {}
    place = np.empty(votes.shape[1], dtype=np.int64)
    kept: list[int] = []
    like: dict[bytes, int] = {}
    for j in range(votes.shape[1]):
        like[rate[j].tobytes()] = like.get(rate[j].tobytes(), 0) + 1
    for j in range(votes.shape[1]):
        alone = like[rate[j].tobytes()] == 1 or rate[j].sum() == 0
        mark = b"%d" % j if alone else sha256(votes[:, j].tobytes()).digest()
        if mark not in seen:
            seen[mark] = len(kept)
            kept.append(j)
        place[j] = seen[mark]
    return np.array(kept, dtype=np.int64), place


def _one_sided(rate: Floats, rows: int) -> Bools:
    """Functions that can vote for one class only, as rules do, (m,).

    Somebody with few votes may have cast them for one class by chance. Where most votes come from functions that vote
    for several, one is believed only if so many votes of the others would hardly ever be alike.
    """
    one: Bools = (rate > 0).sum(axis=1) < 2
    votes = rate.sum(axis=1)
    if votes[one].sum() > votes[~one].sum():
        return one
    share = rate.sum(axis=0) / max(float(votes.sum()), 1e-300)
    alike = rows * votes * np.log(np.maximum(share[rate.argmax(axis=1)], 1e-300))
    sure: Bools = one & (alike < np.log(1e-6))
    return sure


def _copies(kept: Ints, functions: int) -> list[int]:
    return [int(j) for j in np.setdiff1d(np.arange(functions), kept)]


def _sample(rows: int, known: Ints, seed: int) -> Ints | None:
    """Rows to choose the shape on, in order; None for all. Those whose class is known come first."""
    if rows <= SAMPLE:
        return None
    random = np.random.default_rng([seed, 0x1ABE1])
    told = np.flatnonzero(known >= 0) if len(known) else np.empty(0, dtype=np.int64)
    if len(told) > SAMPLE // 2:
        told = random.choice(told, SAMPLE // 2, replace=False)
    taken = np.zeros(rows, dtype=bool)
    taken[random.integers(0, rows, SAMPLE - len(told))] = True
    taken[told] = True
    return np.flatnonzero(taken)


def _rows_of(votes: NDArray[Any], rows: Ints) -> NDArray[Any]:
    """Some rows, a function's votes side by side."""
    if not votes.flags.f_contiguous:
        return np.asfortranarray(votes[rows])
    found = np.empty((len(rows), votes.shape[1]), dtype=votes.dtype, order="F")
    for j in range(votes.shape[1]):
        found[:, j] = votes[:, j][rows]
    return found


def _named(estimate: Estimate, votes: NDArray[Any], known: Ints, threads: int | None) -> Estimate:
    """Classes renamed so that functions are better than chance on average; nothing where true labels name them."""
    if len(known):
        return estimate
    from scipy.optimize import linear_sum_assignment

    tables = marginals(estimate.tables, estimate.shape)
    says = tables[:, 1:].sum(axis=0)
    says = says / np.maximum(says.sum(axis=1, keepdims=True), 1e-12)
    _, order = linear_sum_assignment(-says)
    if (order == np.arange(len(order))).all():
        return estimate
    found = expect(votes, estimate, threads=threads)
    swapped = replace(estimate, tables=estimate.tables[:, :, order], balance=estimate.balance[order])
    if swapped.shape.coin.any():  # one accuracy means nothing under other names: it is read again from the counts
        tables = likeliest(found.counts[:, :, order], np.zeros_like(found.counts), swapped.shape)
        swapped = replace(swapped, tables=tables)
    return swapped


def _contrary(estimate: Estimate, rules: Bools, rate: Floats) -> float:
    """The share of the votes of one-sided functions that come from those which the model takes to be misleading.

    Rules are better than chance: a hidden class against which many of them are not is something else than the truth.
    """
    if not rules.any():
        return 0.0
    tables = marginals(estimate.tables, estimate.shape)[rules]
    says, votes = rate[rules].argmax(axis=1), rate[rules].sum(axis=1)
    own = tables[np.arange(len(says)), says + 1]
    worse = own[np.arange(len(says)), says] < own @ estimate.balance
    return float(votes[worse].sum() / max(votes.sum(), 1e-300))


def _near_the_vote(
    votes: NDArray[Any],
    known: Ints,
    estimate: Estimate,
    rules: Bools,
    rate: Floats,
    balance: Floats,
    doubt: float,
) -> tuple[Estimate, Floats]:
    """Where EM sets out, and pseudo-counts, one-sided functions held near the vote by doubt."""
    excess = min((doubt - UNEXPLAINED) / (1 - UNEXPLAINED), _SURE)
    strength = _HELD * len(votes) * excess / (1 - excess)
    accuracy = np.full(len(rate), _RULE)
    if len(known):
        for j in np.flatnonzero(rules).tolist():
            mine = known[(votes[:, j] >= 0) & (known >= 0)]
            says = int(rate[j].argmax())
            accuracy[j] = (np.count_nonzero(mine == says) + _RULES * _RULE) / (len(mine) + _RULES)
    parent = estimate.shape.parent
    kept = np.where((parent >= 0) & ~rules & ~rules[np.maximum(parent, 0)], parent, -1)
    shape = Shape(
        estimate.shape.classes, kept, estimate.shape.coin & ~rules, estimate.shape.tells & (rules | (kept >= 0))
    )
    even = np.full(shape.classes, 1 / shape.classes)
    centre = vote_like(accuracy, rate, even)
    tables = np.empty((int(shape.width.sum()), *centre.shape[1:]))
    pseudo = DEFAULT.counts(shape, rate)
    old = estimate.shape.base
    for j, base in enumerate(shape.base.tolist()):
        width = int(shape.width[j])
        if rules[j]:
            tables[base], pseudo[base] = np.maximum(centre[j], 1e-6), strength * centre[j]
        elif kept[j] >= 0:
            tables[base : base + width] = estimate.tables[old[j] : old[j] + width]
        else:
            tables[base] = marginals(estimate.tables, estimate.shape)[j]
    return Estimate(shape, tables / tables.sum(axis=1, keepdims=True), balance), pseudo
