"""Expectation and maximisation over votes of any size: fixed blocks of rows, summed in order, on one thread or two."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.values import Floats, Ints
from hindcast.weak.grouping import FEW_CLASSES, STEEP, codes_for, groups_of
from hindcast.weak.tables import FLOOR, Shape, completed, gains, likeliest

__all__ = ["Estimate", "Expected", "expect", "maximise_until"]

STRIDE, BLOCKS = 1 << 14, 64
"""Rows of a block, at least, and how many blocks there are at most: the same whatever runs them, so that sums are."""

_SHARED = 50_000_000
"""Additions below which a second thread costs more than it saves."""

_NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parameters, and how they were come by.

    Attributes
    ----------
    shape : Shape
    tables : float64 array, shape (tables, K + 1, K)
        P(vote | class) in row vote + 1, row 0 being silence; of a leaning function one table per vote of its parent.
    balance : float64 array, shape (K,)
    objective : tuple of float
        Log likelihood plus log prior (0 where that is highest) before each step; never falls.
    converged : bool
    rate : float
        The largest part of a step that the next one was; 0 where no two were taken.
    """

    shape: Shape
    tables: Floats
    balance: Floats
    objective: tuple[float, ...] = ()
    converged: bool = False
    rate: float = 0.0


@dataclass(frozen=True, eq=False)
class Expected:
    """What one pass over the votes finds.

    Attributes
    ----------
    counts : float64 array, shape (tables, K + 1, K)
        Expected rows of each vote in each class.
    mass : float64 array, shape (K,)
        Expected rows of each class.
    log_likelihood : float
    """

    counts: Floats
    mass: Floats
    log_likelihood: float


def expect(
    votes: NDArray[Any],
    estimate: Estimate,
    *,
    known: Ints = _NOBODY,
    out: Floats | None = None,
    silence: bool = True,
    counted: bool = True,
    threads: int | None = None,
) -> Expected:
    """One pass: expected counts, and posteriors into `out` of shape (n, K). O(n m K) time, no copy of the votes.

    With ``counted=False`` posteriors alone are wanted: counts may be missing.
    """
    from hindcast.weak.kernels import fill, fold, sweep, sweep_groups

    shape, n = estimate.shape, len(votes)
    stride = max(STRIDE, -(-n // BLOCKS))
    gain, start = gains(estimate.tables, estimate.balance, shape, silence=silence)
    base, k, parent = shape.base, shape.classes, shape.parent
    kept = np.empty((0, k)) if out is None else out
    most = np.abs(gain).max(axis=(1, 2), initial=0.0)
    grouped = k <= FEW_CLASSES and len(parent) > 0 and most.max() < STEEP
    if grouped:
        plan = groups_of(k, tuple(parent.tolist()), *([codes_for(n)] if counted else []))
        rescaled = plan.rescaled(most, shape)
        factors = np.empty((len(plan.size), k, int(plan.size.max())))
        fill(plan.where, parent, base, plan.size, gain, factors)

    def block(first: int) -> tuple[Floats, Floats, float]:
        mass, last = np.zeros(k), min(first + stride, n)
        if grouped:
            counts = np.zeros_like(factors) if counted else factors[:0]
            found = sweep_groups(votes, first, last, known, plan.digits, rescaled, factors, start, counts, mass, kept)
        else:
            counts = np.zeros_like(gain)
            found = sweep(votes, first, last, known, parent, base, gain, start, counts, mass, kept)
        return counts, mass, found

    firsts = range(0, n, stride)
    worth_it = n * len(parent) * k >= _SHARED
    workers = threads or (min(len(firsts), os.cpu_count() or 1) if worth_it else 1)
    whole = np.zeros_like(factors if counted else factors[:0]) if grouped else np.zeros_like(gain)
    mass, total = np.zeros(k), 0.0
    for more, heavier, likelihood in map(block, firsts) if workers < 2 else _ahead(block, firsts, workers):
        whole += more
        mass += heavier
        total += likelihood
    counts = whole
    if grouped:
        counts = np.zeros_like(gain)
        if counted:
            fold(plan.where, parent, base, plan.size, whole, counts)
    return Expected(completed(counts, mass, shape), mass, total)


def _ahead(block: Callable[[int], Any], firsts: range, workers: int) -> Any:
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(block, firsts)


def maximise_until(
    votes: NDArray[Any],
    estimate: Estimate,
    pseudo: Floats,
    *,
    known: Ints = _NOBODY,
    learn_balance: bool = True,
    even: float = 1.0,
    steps: int = 100,
    tolerance: float = 1e-4,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Estimate:
    """Steps of EM to the tables and balance of highest posterior, until no probability moves by `tolerance`.

    `pseudo` counts stand for what is thought of functions before, `even` rows of each class for a balance.

    After every two steps a leap is tried along where they lead, and taken back where the objective falls (SQUAREM:
    Varadhan and Roland, "Simple and Globally Convergent Methods for Accelerating the Convergence of Any EM Algorithm",
    Scandinavian Journal of Statistics 35, 2008). Where steps shrink so fast that all that are left together would not
    move by `tolerance`, they are not taken.
    """
    history: list[float] = []
    centre = np.log((pseudo + FLOOR) / (pseudo + FLOOR).sum(axis=1, keepdims=True))
    shape, rate, converged = estimate.shape, estimate.rate, False
    here, landed = (estimate.tables, estimate.balance), None
    path = [here]
    for step in range(steps):
        found = expect(votes, Estimate(shape, *here), known=known, threads=threads)
        prior = float(((pseudo + FLOOR) * (np.log(here[0]) - centre)).sum())
        prior += even * float(np.log(here[1] * shape.classes).sum()) if learn_balance else 0.0
        if progress is not None:
            progress(step + 1, steps)
        if landed is not None and found.log_likelihood + prior < history[-1]:
            here, landed = landed, None
            path = [here]
            continue
        history.append(found.log_likelihood + prior)
        tables = likeliest(found.counts, pseudo, shape)
        balance = (found.mass + even) / (found.mass + even).sum() if learn_balance else here[1]
        moved = _farthest(here, (tables, balance))
        if len(path) > 1:
            rate = max(rate, moved / max(_farthest(*path), 1e-300))
        here, landed = (tables, balance), None
        path.append(here)
        if moved < tolerance or 0 < moved * rate < tolerance * (1 - rate):
            converged = True
            break
        if len(path) == 3:
            here, landed = _leap(*path), here
            path = [here]
    tables, balance = here if landed is None else landed
    return Estimate(shape, tables, balance, tuple(history), converged, rate)


def _farthest(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> float:
    return float(max(np.abs(a - b).max(initial=0.0) for a, b in zip(one, other, strict=True)))


def _leap(
    first: tuple[Floats, Floats], second: tuple[Floats, Floats], third: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Where two steps of EM lead, as far as no probability loses more than half of what it has left."""
    steps = [b - a for a, b in zip(first, second, strict=True)]
    bends = [c - b - step for b, c, step in zip(second, third, steps, strict=True)]
    length = np.sqrt(sum(float((x**2).sum()) for x in steps))
    far = max(length / max(np.sqrt(sum(float((x**2).sum()) for x in bends)), 1e-300), 1.0)
    found = []
    for start, end, step, bend in zip(first, third, steps, bends, strict=True):
        beyond = start + 2 * far * step + far**2 * bend - end
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(beyond < 0, -0.5 * end / beyond, np.inf)
        found.append(end + np.minimum(room.min(axis=tuple(range(1, room.ndim)), keepdims=True), 1.0) * beyond)
    return found[0], found[1]
