"""Scores and gaps read off sums over days: a window is a sum of its days, a draw of days a weighted one."""

from __future__ import annotations

import math

import numpy as np

from hindcast.metrics import Goal, block_draws, log_losses
from hindcast.values import Floats, Ints

__all__ = ["SCORES", "WATCHED", "day_sums", "drawn_sums", "ripples", "standard_error", "sums_to_gaps", "sums_to_scores"]

WATCHED = ("auc", "log_loss", "calibration", "value")
"""The metrics whose gap is watched."""
SCORES = ("auc", "log_loss", "skill", "calibration", "value")
"""The scores that are told."""
_PLAIN = 8
_DRAWS = 200


def day_sums(y: Floats, p: Floats, codes: Ints, days: int, edges: Floats, goal: Goal | None) -> Floats:
    """Per day: rows, positives, probabilities, losses, value gained over inaction, the most that could be gained, the
    losses and the gain that the probabilities let expect; then per bin of the probability: negatives, positives, and
    both as expected. Shape (days, 8 + 4 * bins)."""
    bins = len(edges) + 1
    gained = possible = promised = np.full(y.size, np.nan)
    if goal is not None:
        inaction, acted = goal.inaction(y), goal.decide(p)
        gained = goal.value(acted, y) - inaction
        possible = goal.value(y == 1.0, y) - inaction
        promised = np.where(acted, goal.expected(p), 0.0)
    entropy = p * log_losses(np.ones(y.size), p) + (1.0 - p) * log_losses(np.zeros(y.size), p)
    plain = (None, y, p, log_losses(y, p), gained, possible, entropy, promised)
    cell = codes * bins + np.searchsorted(edges, p, side="left")
    ranked = (1.0 - y, y, 1.0 - p, p)
    columns = [np.bincount(codes, weights=w, minlength=days)[:, None] for w in plain]
    columns += [np.bincount(cell, weights=w, minlength=days * bins).reshape(days, bins) for w in ranked]
    return np.concatenate(columns, axis=1).astype(np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result


def _auc(negative: Floats, positive: Floats) -> Floats:
    below = np.cumsum(negative, axis=1) - negative / 2.0
    return _ratio((positive * below).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def sums_to_scores(sums: Floats) -> dict[str, Floats]:
    """Scores of sums, shape (k,) each."""
    n, y, p, loss, gained, possible = sums[:, :6].T
    negative, positive, *_ = np.split(sums[:, _PLAIN:], 4, axis=1)
    both = (y > 0) & (y < n)
    rate = np.where(both, _ratio(y, n), 0.5)
    chance = -(rate * np.log(rate) + (1.0 - rate) * np.log(1.0 - rate))
    return {
        "auc": _auc(negative, positive),
        "log_loss": _ratio(loss, n),
        "skill": np.where(both, 1.0 - _ratio(loss, n) / chance, np.nan),
        "calibration": _ratio(p - y, n),
        "value": _ratio(gained, possible),
    }


def sums_to_gaps(sums: Floats, gain_per_row: float) -> dict[str, Floats]:
    """Gaps between what the probabilities let expect and what happened, larger is worse, shape (k,) each."""
    n, y, p, loss, gained, _, entropy, promised = sums[:, :_PLAIN].T
    negative, positive, negative_expected, positive_expected = np.split(sums[:, _PLAIN:], 4, axis=1)
    return {
        "auc": _auc(negative_expected, positive_expected) - _auc(negative, positive),
        "log_loss": _ratio(loss - entropy, n),
        "calibration": _ratio(p - y, n),
        "value": _ratio(promised - gained, n) / gain_per_row,
    }


def drawn_sums(sums: Floats, seed: int) -> Floats:
    """Sums over drawn days, shape (draws, k); added day by day, so that the bits depend on nothing else."""
    weights = block_draws(len(sums), _DRAWS, seed)
    total = np.zeros((_DRAWS, sums.shape[1]))
    for day, row in enumerate(sums):
        total += weights[:, day, None] * row
    return total


def standard_error(draws: Floats, days: int) -> float:
    """Standard error from the draws; NaN where more than one in twenty is undefined."""
    known = draws[np.isfinite(draws)]
    if known.size < 0.95 * draws.size or days < 2:
        return math.nan
    return float(known.std()) * math.sqrt(days / (days - 1.0))


def ripples(sums: Floats, days: Ints, length: int, gain_per_row: float) -> dict[str, float]:
    """The largest growth of a gap that a window of the reference shows against the rest; 0 where it is too short."""
    calendar = np.zeros((int(days[-1] - days[0]) + 1, sums.shape[1]))
    calendar[days - days[0]] = sums
    if len(calendar) < 2 * length:
        return dict.fromkeys(WATCHED, 0.0)
    running = np.concatenate([np.zeros((1, sums.shape[1])), np.cumsum(calendar, axis=0)])
    window = running[length:] - running[:-length]
    inside, rest = sums_to_gaps(window, gain_per_row), sums_to_gaps(running[-1] - window, gain_per_row)
    worst = {}
    for name in WATCHED:
        grown = inside[name] - rest[name]
        grown = np.abs(grown) if name == "calibration" else grown
        worst[name] = max(0.0, float(np.nanmax(grown))) if np.isfinite(grown).any() else 0.0
    return worst
