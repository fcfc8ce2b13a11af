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
from hindcast.weak.grouping import FEW_CLASSES, STEEP, groups_of
from hindcast.weak.tables import FLOOR, Shape, completed, gains, likeliest

__all__ = ["Estimate", "Expected", "expect", "maximise_until"]

STRIDE = 1 << 12
"""Rows of a block: the same whatever runs them, so that sums are."""

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
        Log likelihood plus log prior before each step; never falls.
    converged : bool
    """

    shape: Shape
    tables: Floats
    balance: Floats
    objective: tuple[float, ...] = ()
    converged: bool = False


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
    gain, start = gains(estimate.tables, estimate.balance, shape, silence=silence)
    base, k, parent = shape.base, shape.classes, shape.parent
    kept = np.empty((0, k)) if out is None else out
    most = np.abs(gain).max(axis=(1, 2), initial=0.0)
    grouped = k <= FEW_CLASSES and len(parent) > 0 and most.max() < STEEP
    if grouped:
        plan = groups_of(k, tuple(parent.tolist()))
        rescaled = plan.rescaled(most, shape)
        factors = np.empty((len(plan.size), k, int(plan.size.max())))
        fill(plan.where, parent, base, plan.size, gain, factors)

    def block(first: int) -> tuple[Floats, Floats, float]:
        mass, last = np.zeros(k), min(first + STRIDE, n)
        if grouped:
            counts = np.zeros_like(factors) if counted else factors[:0]
            found = sweep_groups(votes, first, last, known, plan.digits, rescaled, factors, start, counts, mass, kept)
        else:
            counts = np.zeros_like(gain)
            found = sweep(votes, first, last, known, parent, base, gain, start, counts, mass, kept)
        return counts, mass, found

    firsts = range(0, n, STRIDE)
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
    steps: int = 100,
    tolerance: float = 1e-4,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Estimate:
    """Steps of EM to the tables and balance of highest posterior, until no probability moves by `tolerance`."""
    history: list[float] = list(estimate.objective)
    converged = False
    k = estimate.shape.classes
    for step in range(steps):
        found = expect(votes, estimate, known=known, threads=threads)
        prior = float((pseudo * np.log(estimate.tables)).sum() + _log_floor(estimate.tables))
        prior += float(np.log(estimate.balance).sum()) if learn_balance else 0.0
        history.append(found.log_likelihood + prior)
        tables = likeliest(found.counts, pseudo, estimate.shape)
        balance = (found.mass + 1) / (found.mass.sum() + k) if learn_balance else estimate.balance
        moved = max(np.abs(tables - estimate.tables).max(initial=0.0), np.abs(balance - estimate.balance).max())
        estimate = Estimate(estimate.shape, tables, balance, tuple(history))
        if progress is not None:
            progress(step + 1, steps)
        if moved < tolerance:
            converged = True
            break
    return Estimate(estimate.shape, estimate.tables, estimate.balance, tuple(history), converged)


def _log_floor(tables: Floats) -> float:
    """The part of the log prior that keeps every vote possible."""
    return float(FLOOR * np.log(tables).sum())
