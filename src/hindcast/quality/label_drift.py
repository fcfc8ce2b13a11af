"""Whether labels come at another rate than before, once the rhythm of days or weeks is set aside."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.crowd.names import codes_of
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.findings import Finding
from hindcast.metrics import wilson
from hindcast.parameters import number, seed_of, share, whole
from hindcast.quality.given import column_of
from hindcast.quality.suspects import Suspects
from hindcast.values import NEVER, Duration, Floats, Ints, duration_us, iso

__all__ = ["LabelDrift", "find_label_drift"]

_MOST_PERIODS = 100_000
DRAWS = 2_000


@dataclass(frozen=True, eq=False)
class LabelDrift:
    """The rate of one class by period, and whether it changed.

    Parameters
    ----------
    positive : object
        The class whose rate this is.
    start : int64 array, shape (periods,)
        When each period with labels begins, microseconds since 1970 UTC.
    rows : int64 array, shape (periods,)
    rate : float64 array, shape (periods,)
    expected : float64 array, shape (periods,)
        What the season alone would give.
    z : float64 array, shape (periods,)
        Rows of the class beyond the expected, in standard deviations (widened by how much periods vary from one to the
        next).
    change : int or None
        The period that begins the later part, where the split in two explains most.
    p_value : float
        Of that change: how often shuffled periods show one as large. NaN with fewer than 8 periods.
    before, after : tuple of float
        The rate before and after it, with Wilson's 95% interval: (rate, low, high).
    spread : float
        The variance of periods over that of independent rows; 1 where rows hang together no more than that.
    notes : tuple of str
    """

    positive: Any
    start: Ints
    rows: Ints
    rate: Floats
    expected: Floats
    z: Floats
    change: int | None
    p_value: float
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    spread: float
    notes: tuple[str, ...]
    row_period: Ints
    row_label: Ints
    code: int

    def findings(self, alpha: float = 0.01) -> list[Finding]:
        """HC007 where the rate changed."""
        if self.change is None or not self.p_value <= share("alpha", alpha):
            return []
        when = iso(int(self.start[self.change]))
        return [
            Finding(
                "HC007",
                "label",
                "warn",
                f"from {when} on {self.positive!r} makes up {self.after[0]:.1%} of labels, {self.before[0]:.1%} before "
                f"(p {self.p_value:.2g}).",
                "Split by time; ask whether the world, the guideline or who is labelled has changed.",
                {"when": when, "before": self.before[0], "after": self.after[0], "p_value": self.p_value},
            )
        ]

    def suspects(self, least: float = 4.0) -> Suspects:
        """Rows of periods whose rate lies `least` standard deviations out, with the label there is too much of."""
        least = number("least", least, above=0.0)
        odd = np.abs(self.z) >= least
        known = self.row_period >= 0
        period = np.where(known, self.row_period, 0)
        too_many = self.z[period] > 0 if len(self.z) else np.zeros(len(period), dtype=np.bool_)
        is_class = self.row_label == self.code
        rows = np.flatnonzero(known & (odd[period] if len(odd) else False) & (is_class == too_many))
        reasons = [
            f"labelled in a period of {self.rate[t]:.1%} {self.positive!r}, where {self.expected[t]:.1%} is usual"
            for t in self.row_period[rows].tolist()
        ]
        z = np.abs(self.z[self.row_period[rows]])
        return Suspects.ranked(rows, reasons, 1.0 - least / np.maximum(2 * z, least), self.notes)

    def to_text(self) -> str:
        """One line, then the periods that stand out."""
        lines = [f"{self.positive!r}: {int(self.rows.sum()):,} labels in {len(self.rows):,} periods"]
        if self.change is not None:
            lines[0] += (
                f"; {self.before[0]:.1%} before {iso(int(self.start[self.change]))}, {self.after[0]:.1%} from then on "
                f"(p {self.p_value:.2g})"
            )
        lines += [
            f"  {iso(int(self.start[t]))}  {self.rate[t]:.1%} (usual {self.expected[t]:.1%}, z {self.z[t]:+.1f})"
            for t in np.argsort(-np.abs(self.z), kind="stable")[:5].tolist()
            if abs(self.z[t]) >= 3
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def find_label_drift(
    at: Any,
    label: Any,
    *,
    positive: Any = None,
    period: Duration = "1d",
    season: Duration | None = "7d",
    draws: int = DRAWS,
    seed: int = 0,
) -> LabelDrift:
    """Test whether a class comes at another rate from some moment on, after the season.

    Rows are counted by period; each period's count is held against what its place in the season (the day of the week,
    say) has on the average. The split in time that separates the remainders most is judged by shuffling periods.

    Parameters
    ----------
    at : int64 array of microseconds, or datetime64, shape (n,)
    label : sequence of n labels
        None and NaN are not counted.
    positive : optional
        The class whose rate is watched; by default True or 1 or "yes" of two, else the last of two. Needed for more.
    period : duration, default one day
    season : duration or None, default one week
        A multiple of the period. Set aside only where at least three whole seasons are there.
    draws : int
    seed : int

    Returns
    -------
    LabelDrift

    Notes
    -----
    O(n + periods x draws). A rate that wanders (rather than steps) makes a change somewhere likely: the note on
    neighbouring periods says so, and the p-value is then too small.

    Examples
    --------
    >>> day = 86_400_000_000
    >>> at = np.repeat(np.arange(60) * day, 50)
    >>> share = np.where(np.arange(3000) < 1500, 10, 20)  # in a hundred, doubled from day 30 on
    >>> found = find_label_drift(at, (np.arange(3000) * 37 % 100 < share).astype(int))
    >>> found.change, [round(float(r), 1) for r in (found.before[0], found.after[0])], found.p_value < 0.01
    (30, [0.1, 0.2], True)
    """
    moments = _moments(at)
    codes, classes = codes_of(label, column="label", missing=True)
    if len(moments) != len(codes):
        raise DataError(f"{len(moments)} moments came with {len(codes)} labels; give one per row.")
    draws, seed = whole("draws", draws, least=1, most=1_000_000), seed_of(seed)
    length = duration_us(period, what="period")
    if length < 1:
        raise ConfigError("period: a period lasts longer than nothing.")
    cycle = 0 if season is None else duration_us(season, what="season")
    if cycle and cycle % length:
        raise ConfigError(f"season {season!r} is not a multiple of the period {period!r}.")
    code = _positive(classes, positive)
    rows = np.flatnonzero(codes >= 0)
    bucket = np.floor_divide(moments[rows], length)
    if len(rows) and int(bucket.max() - bucket.min()) > _MOST_PERIODS:
        raise ConfigError(f"over {_MOST_PERIODS:,} periods of {period!r}; take a longer period.")
    distinct, inverse = np.unique(bucket, return_inverse=True)
    row_period = np.full(len(codes), -1, dtype=np.int64)
    row_period[rows] = inverse
    t = len(distinct)
    n = np.bincount(inverse, minlength=t).astype(np.float64)
    hits = np.bincount(inverse, weights=(codes[rows] == code), minlength=t).astype(np.float64)
    notes = [f"{len(codes) - len(rows):,} rows have no label."] if len(rows) < len(codes) else []
    expected = _seasonal(distinct, n, hits, cycle // length if cycle else 1, notes)
    variance = np.maximum(n * expected * (1.0 - expected), 1e-9)
    remainder = hits - n * expected
    plain = remainder / np.sqrt(variance)
    spread = max(1.0, float(np.median(np.square(np.diff(plain)))) / (2.0 * 0.4549)) if t >= 8 else 1.0
    z = plain / np.sqrt(spread)
    change, p_value = None, float("nan")
    if t >= 8 and 0 < hits.sum() < n.sum():
        change, p_value = _split(remainder, variance, draws, seed)
        _related(z, change, notes)
    else:
        notes.append("fewer than 8 periods, or one class only: no change can be judged.")
    cut = t if change is None else change
    rates = [_rate(hits[part].sum(), n[part].sum()) for part in (slice(0, cut), slice(cut, None))]
    return LabelDrift(
        classes[code] if classes else positive,
        distinct * length,
        n.astype(np.int64),
        hits / np.maximum(n, 1.0),
        expected,
        z,
        change,
        p_value,
        rates[0],
        rates[1],
        spread,
        tuple(notes),
        row_period,
        codes,
        code,
    )


def _moments(at: Any) -> Ints:
    array = column_of("at", at)
    if array.dtype.kind == "M":
        if np.isnat(array).any():
            raise DataError("a row has no time", row=int(np.isnat(array).argmax()) + 1, column="at")
        return array.astype("datetime64[us]").astype(np.int64)
    if (array.dtype.kind not in "iu" and array.size) or (array.size and int(array.max()) > NEVER):
        raise DataError(f"moments are int64 microseconds or datetime64 of shape (n,), got {array.dtype} {array.shape}.")
    return array.astype(np.int64)


def _positive(classes: tuple[Any, ...], positive: Any) -> int:
    if positive is not None:
        if not isinstance(positive, Hashable) or positive not in classes:
            raise UnknownName("class", str(positive), map(str, classes), where="find_label_drift")
        return classes.index(positive)
    if len(classes) > 2:
        raise ConfigError(f"{len(classes)} classes: say whose rate is watched, positive=...")
    for name in (True, "yes", "true"):
        if name in classes:
            return classes.index(name)
    return max(len(classes) - 1, 0)


def _seasonal(period: Ints, n: Floats, hits: Floats, phases: int, notes: list[str]) -> Floats:
    """The rate each period would have by its place in the season alone, shape (periods,)."""
    overall = hits.sum() / max(n.sum(), 1.0)
    if phases <= 1 or not len(period):
        return np.full(len(period), overall)
    if (period[-1] - period[0] + 1) < 3 * phases:
        notes.append("fewer than three whole seasons: the season is not set aside.")
        return np.full(len(period), overall)
    phase = np.mod(period, phases)
    rows = np.bincount(phase, weights=n, minlength=phases)
    rate = (np.bincount(phase, weights=hits, minlength=phases) + overall) / (rows + 1.0)
    return np.asarray(rate[phase])


def _split(remainder: Floats, variance: Floats, draws: int, seed: int) -> tuple[int, float]:
    """The split of largest difference in standard deviations, and its p-value among shuffled periods."""
    draw = np.random.default_rng([seed, 4151])

    def gaps(r: Floats, v: Floats) -> Floats:
        share = np.cumsum(v, axis=-1)[..., :-1] / v.sum(axis=-1, keepdims=True)
        walk = np.cumsum(r - r.sum(axis=-1, keepdims=True) * v / v.sum(axis=-1, keepdims=True), axis=-1)[..., :-1]
        inside = (share > 0.05) & (share < 0.95)
        return np.asarray(np.where(inside, np.abs(walk) / np.sqrt(share * (1 - share)), -1.0))

    found = gaps(remainder, variance)
    best = int(found.argmax())
    beyond, done = 0, 0
    step = max(1, 2_000_000 // len(remainder))
    while done < draws:
        some = min(step, draws - done)
        order = np.argsort(draw.random((some, len(remainder))), axis=1)
        beyond += int((gaps(remainder[order], variance[order]).max(axis=1) >= found[best] - 1e-12).sum())
        done += some
    return best + 1, (1 + beyond) / (1 + draws)


def _related(z: Floats, change: int, notes: list[str]) -> None:
    """Whether neighbouring periods are alike beyond the change: then shuffling understates chance."""
    flat = np.concatenate([z[:change] - z[:change].mean(), z[change:] - z[change:].mean()])
    both = float(np.square(flat).sum())
    if both > 0 and float((flat[1:] * flat[:-1]).sum()) / both > 0.3:
        notes.append("neighbouring periods are alike beyond the change: the rate wanders, the p-value is too small.")


def _rate(hits: float, n: float) -> tuple[float, float, float]:
    low, high = wilson(hits, n)
    return (float(hits / n) if n else float("nan"), low, high)
