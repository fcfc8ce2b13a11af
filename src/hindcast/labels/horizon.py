"""What it would cost to wait less for labels: how many are missing then, how wrong the rest are, what a model loses.

Waiting less gives fresher rows and falser labels. Two kinds of falseness: where only positives ever arrive (a click, a
conversion), a row that has not answered by the horizon counts as negative, and some of these are fake; where both
answers arrive, rows that have not answered are left out, and if bad news takes longer, what is left looks too good.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.labels.delayed import binary, fake_negative_weights, known_weights, undelayed_probability
from hindcast.labels.moments import listed, moment_at, moments_of
from hindcast.metrics import Estimate, difference, interval, student_quantile
from hindcast.parameters import choice, level_of, seed_of
from hindcast.sampling import strata_of
from hindcast.sampling.blocks import rows_in, take_rows
from hindcast.values import DAY_US, NEVER, Bools, Duration, Floats, Ints, Moment, duration_text, duration_us

__all__ = [
    "Correction",
    "HorizonAccuracy",
    "HorizonCost",
    "horizon_accuracy",
    "horizon_costs",
]

_SHRINK = 20.0
"""As many rows of all stand beside those of a group when its chance is measured."""
_HIDDEN = 0.05
Missing = Literal["negative", "drop"]
Correction = Literal["none", "weights", "calibrate"]


@dataclass(frozen=True, slots=True)
class HorizonCost:
    """Labels as they stand at a horizon against the final ones, on rows old enough to have those.

    Parameters
    ----------
    horizon : int
        Microseconds.
    n : int
        Rows with a final label.
    known : Estimate
        Share of them whose own label had come by the horizon.
    base_rate : Estimate
        Share of positives among the labels of the horizon.
    bias : Estimate
        That minus the final base rate.
    false_negatives : Estimate
        Share of final positives that the horizon calls negative (or leaves out).
    wrong : Estimate
        Share of the horizon's labels that the final ones contradict; left-out rows are not among them.
    """

    horizon: int
    n: int
    known: Estimate
    base_rate: Estimate
    bias: Estimate
    false_negatives: Estimate
    wrong: Estimate


@dataclass(frozen=True, slots=True)
class HorizonAccuracy:
    """How well a model does that was trained on the labels of a horizon, judged by final labels of later rows.

    Parameters
    ----------
    horizon : int
        Microseconds.
    correction : {"none", "weights", "calibrate"}
    n_train, n_test : int
    score : Estimate
    against : Estimate
        Score minus that of the longest horizon without correction, paired on the same rows.
    predicted_rate, base_rate : float
        What the model expects of the rows it is judged on, and what they came to.
    notes : tuple of str
        Why a correction should not be trusted here, if it should not.
    """

    horizon: int
    correction: Correction
    n_train: int
    n_test: int
    score: Estimate
    against: Estimate
    predicted_rate: float
    base_rate: float
    notes: tuple[str, ...] = ()


def horizon_costs(
    asked: Any,
    known: Any,
    label: Any,
    horizons: Sequence[Duration],
    *,
    final: Duration | None = None,
    missing: Missing = "negative",
    now: Moment | None = None,
    blocks: Any = None,
    level: float = 0.95,
) -> tuple[HorizonCost, ...]:
    """What labels would be like if nobody waited longer than each of `horizons`.

    Parameters
    ----------
    asked, known : array_like of moments, shape (n,)
        When each row was asked, and when its label became known; missing (None, NaN, NEVER) where it has not.
    label : array_like, shape (n,)
        0 or 1; not read where there is no label.
    horizons : sequence of durations
    final : duration, optional
        The age at which labels are taken to be final; the longest horizon unless given. Only rows asked so long before
        `now` are judged.
    missing : {"negative", "drop"}
        What a row without a label is at a horizon: negative, or left out.
    now : moment, optional
        The last moment in the data unless given.
    blocks : array_like, shape (n,), optional
        Rows that hang together; days of `asked` unless given.
    level : float, default 0.95

    Notes
    -----
    A label counts at a horizon when it was known before ``asked + horizon``. Intervals: a jackknife over blocks,
    Student's. O(n) for each horizon.

    Examples
    --------
    >>> day = 86_400_000_000
    >>> asked = np.arange(10) * day
    >>> known = np.where(np.arange(10) % 2, asked + 3 * day, NEVER)          # every second converts, after three days
    >>> one, four = horizon_costs(asked, known, np.ones(10), ["2d", "4d"], now=30 * day)
    >>> one.base_rate.value, four.base_rate.value, one.false_negatives.value
    (0.0, 0.5, 1.0)
    """
    level = level_of("level", level)
    choice("missing", missing, ("negative", "drop"), where="horizon_costs")
    data = _Data.of(asked, known, label, now)
    ages = _ages(horizons)
    last = _final(final, ages)
    found, y = data.final(last, missing)
    if not len(found):
        raise DataError(f"no row is old enough for a final label: none was asked {duration_text(last)} before now.")
    group = data.days if blocks is None else strata_of(listed(blocks, "blocks")).code
    if len(group) != len(data.asked):
        raise DataError(f"{len(data.asked)} rows came with {len(group)} blocks.")
    code = np.unique(group[found], return_inverse=True)[1]
    costs = []
    for age in ages:
        came = data.known[found] < data.asked[found] + age
        seen = np.where(came, data.label[found], 0.0 if missing == "negative" else np.nan)
        counted = ~np.isnan(seen)
        columns = np.stack(
            [
                np.ones(len(y)),
                came,
                counted,
                np.where(counted, seen, 0.0),
                y,
                (y == 1) & ~(seen == 1),
                counted & (seen != y),
            ],
            axis=1,
        ).astype(np.float64)
        sums: Floats = np.stack([np.bincount(code, weights=c) for c in columns.T], axis=1).astype(np.float64)
        n = len(y)

        def told(read: Callable[[Floats], Floats], sums: Floats = sums, n: int = n) -> Estimate:
            return _jackknife(sums, read, level, n)

        costs.append(
            HorizonCost(
                age,
                n,
                known=told(lambda s: _ratio(s[:, 1], s[:, 0])),
                base_rate=told(lambda s: _ratio(s[:, 3], s[:, 2])),
                bias=told(lambda s: _ratio(s[:, 3], s[:, 2]) - _ratio(s[:, 4], s[:, 0])),
                false_negatives=told(lambda s: _ratio(s[:, 5], s[:, 4])),
                wrong=told(lambda s: _ratio(s[:, 6], s[:, 2])),
            )
        )
    return tuple(costs)


def horizon_accuracy(
    x: Any,
    asked: Any,
    known: Any,
    label: Any,
    horizons: Sequence[Duration],
    *,
    model: Any,
    train_until: Moment,
    final: Duration | None = None,
    missing: Missing = "negative",
    corrections: Sequence[Correction] = ("none",),
    delay_by: Any = None,
    metric: str = "log_loss",
    now: Moment | None = None,
    level: float = 0.95,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[HorizonAccuracy, ...]:
    """How well a model would do that did not wait longer than each of `horizons` for its labels.

    At `train_until` a horizon h admits the rows asked by ``train_until - h``, with their labels as known at age h: a
    short horizon has fresher rows, a long one truer labels. All are judged on the rows asked from `train_until` on, by
    final labels.

    Parameters
    ----------
    x : rows
        Array, sparse matrix, Frame or data frame with n rows: whatever `model` takes.
    asked, known, label, horizons, final, missing, now
        As for :func:`horizon_costs`.
    model : classifier or callable
        A scikit-learn classifier, cloned for each training; or ``model(x, y, weight)`` that gives a function from rows
        to probabilities.
    train_until : moment
    corrections : sequence of {"none", "weights", "calibrate"}
        ``weights``: with negatives by default, each of them counts as positive with the chance that it is a fake one
        (:func:`fake_negative_weights`, one round from a model on the labels as seen); with rows left out, known rows
        count ``1 / P(known by h | label)``. ``calibrate``: the model on the labels as seen, its probabilities divided
        by the chance that a positive is known by h (only with negatives by default). These chances are measured on rows
        with a final label at `train_until`; without any, the correction is refused.
    delay_by : one column or several, shape (n,), optional
        What labels' delays hang on (a route, a product), as for :func:`hindcast.sampling.strata_of`: corrections then
        use the chances of each group, drawn to those of all where a group has few rows.
    metric : {"log_loss", "auc", "brier", "ece", "skill"}
    level, seed

    Returns
    -------
    tuple of HorizonAccuracy
        One for each horizon and correction, in the order given.

    Raises
    ------
    DataError
        Where a horizon admits no rows, or rows of one label only; where no later row has a final label.
    """
    level, seed = level_of("level", level), seed_of(seed)
    choice("missing", missing, ("negative", "drop"), where="horizon_accuracy")
    if isinstance(corrections, str) or not isinstance(corrections, Sequence):
        raise ConfigError(f"corrections are a list such as ['none', 'weights'], got {corrections!r}.")
    if not hasattr(model, "fit") and not callable(model):
        raise ConfigError(f"a model is a classifier, or a function of x, y and weight, got {model!r}.")
    if progress is not None and not callable(progress):
        raise ConfigError(f"progress is a function of (done, of how many), got {progress!r}.")
    data = _Data.of(asked, known, label, now)
    if rows_in(x) != len(data.asked):
        raise DataError(f"{len(data.asked)} rows were asked and x has {rows_in(x)}.")
    for correction in corrections:
        choice("correction", correction, ("none", "weights", "calibrate"), where="horizon_accuracy")
        if correction == "calibrate" and missing == "drop":
            raise ConfigError("'calibrate' is for negatives by default (missing='negative'); use 'weights'.")
    ages = _ages(horizons)
    last = _final(final, ages)
    until = moment_at(train_until, "train_until")
    judged, truth = data.final(last, missing, since=until)
    if not len(judged):
        raise DataError("no row asked from train_until on has a final label yet; train earlier, or wait.")
    days = data.days[judged]
    past, past_truth = data.final(last, missing, at=until)
    group = np.zeros(len(data.asked), dtype=np.int64) if delay_by is None else strata_of(delay_by).code
    if len(group) != len(data.asked):
        raise DataError(f"{len(data.asked)} rows were asked and delay_by has {len(group)}.")
    test = take_rows(x, judged)

    doubts: dict[tuple[int, Correction], list[str]] = {}
    fitted: dict[int, Callable[[Any], Floats]] = {}

    def as_seen(age: int, rows: Ints, y: Floats) -> Callable[[Any], Floats]:
        if age not in fitted:
            fitted[age] = _fitted(model, take_rows(x, rows), y, np.ones(len(rows)), seed)
        return fitted[age]

    def trained(age: int, correction: Correction) -> tuple[Floats, int]:
        rows, y = data.as_known(age, until, missing)
        if not len(rows):
            raise DataError(f"a horizon of {duration_text(age)} admits no row asked before train_until.")
        if correction == "none":
            return as_seen(age, rows, y)(test), len(rows)
        if not len(past):
            raise DataError("no row has a final label at train_until, so how labels are delayed could not be measured.")
        early = data.known[past] < data.asked[past] + age
        positive_known = _chances(early, past_truth == 1, group[past], group)
        told = doubts.setdefault((age, correction), [])
        if (hidden := float((positive_known[judged] < _HIDDEN).mean())) > 0:
            told.append(
                f"{hidden:.0%} of rows are of a kind whose positives are hardly ever known by then; none stand for them"
            )
        if missing == "drop":
            negative_known = _chances(early, past_truth == 0, group[past], group)
            counts = known_weights(y, negative_known[rows], positive_known[rows])
            return _fitted(model, take_rows(x, rows), y, counts, seed)(test), len(rows)
        if not (positive_known > 0).all():
            raise DataError(f"no positive was ever known within {duration_text(age)}; nothing can be learnt from them.")
        seen = as_seen(age, rows, y)
        if correction == "calibrate":
            raised = seen(test)
            if (beyond := float((raised > positive_known[judged]).mean())) > 0:
                told.append(
                    f"{beyond:.1%} of probabilities would pass 1: delays hang on the row, or the model is unsure"
                )
            return undelayed_probability(raised, positive_known[judged]), len(rows)
        as_positive, as_negative = fake_negative_weights(y, seen(take_rows(x, rows)), positive_known[rows])
        twice = np.concatenate([rows, rows])
        counts = np.concatenate([as_positive, as_negative])
        named = np.concatenate([np.ones(len(rows)), np.zeros(len(rows))])
        kept = counts > 0
        fit = _fitted(model, take_rows(x, twice[kept]), named[kept], counts[kept], seed)
        return fit(test), len(rows)

    plain: dict[int, tuple[Floats, int]] = {}
    jobs = [(age, correction) for age in ages for correction in corrections]
    longest = max(ages)
    plain[longest] = trained(longest, "none")
    results = []
    for done, (age, correction) in enumerate(jobs):
        if correction == "none" and age in plain:
            probability, n = plain[age]
        else:
            probability, n = trained(age, correction)
        score = interval(metric, truth, probability, days, level=level)
        against = difference(metric, truth, probability, plain[longest][0], days, level=level)
        rates = float(probability.mean()), float(truth.mean())
        notes = tuple(doubts.get((age, correction), ()))
        results.append(HorizonAccuracy(age, correction, n, len(judged), score, against, *rates, notes))
        if progress is not None:
            progress(done + 1, len(jobs))
    return tuple(results)


# ---- inside -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Rows asked by `now`, and what is known of them."""

    asked: Ints
    known: Ints
    label: Floats
    now: int

    @staticmethod
    def of(asked: Any, known: Any, label: Any, now: Moment | None) -> _Data:
        start, end = moments_of(asked, "asked"), moments_of(known, "known")
        try:
            y = np.asarray(label, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(
                "labels are 0 and 1, shape (n,), and anything that is a number where there is none."
            ) from None
        if y.ndim != 1:
            raise DataError(f"labels have shape (n,), got {y.shape}.")
        if not len(start) == len(end) == len(y):
            raise DataError(
                f"{len(start)} rows were asked, {len(end)} known, {len(y)} labelled; give one of each per row."
            )
        if (start >= NEVER).any():
            raise DataError("a row has no moment at which it was asked", row=int((start >= NEVER).argmax()) + 1)
        binary(np.where(end < NEVER, y, 0.0))
        seen = [int(values[values < NEVER].max()) + 1 for values in (start, end) if (values < NEVER).any()]
        return _Data(start, end, y, max(seen, default=0) if now is None else moment_at(now, "now"))

    @property
    def days(self) -> Ints:
        return self.asked // DAY_US

    def final(
        self, age: int, missing: Missing, *, since: int | None = None, at: int | None = None
    ) -> tuple[Ints, Floats]:
        """Rows that are `age` old by `at` (or now), and their final labels."""
        old: Bools = self.asked + age <= (self.now if at is None else min(at, self.now))
        if since is not None:
            old &= self.asked >= since
        came = self.known < self.asked + age
        rows = np.flatnonzero(old if missing == "negative" else old & came)
        return rows, np.where(came[rows], self.label[rows], 0.0)

    def as_known(self, age: int, until: int, missing: Missing) -> tuple[Ints, Floats]:
        """Rows that are `age` old by `until`, and their labels as they stood at that age."""
        return self.final(age, missing, at=until)


def _chances(early: Bools, of: Bools, group: Ints, everyone: Ints) -> Floats:
    """For each of `everyone` the share of early ones among rows `of` a label in its group, drawn to that of all."""
    if not of.any():
        return np.ones(len(everyone))
    size = int(everyone.max()) + 1
    overall = float(early[of].mean())
    rows = np.bincount(group[of], minlength=size)
    hits = np.bincount(group[of], weights=early[of], minlength=size)
    return np.asarray((hits + _SHRINK * overall) / (rows + _SHRINK))[everyone]


def _fitted(model: Any, x: Any, y: Floats, weight: Floats, seed: int) -> Callable[[Any], Floats]:
    """From rows to the probability of 1, by a fresh model."""
    if len(np.unique(y)) < 2:
        constant = float(y[0])
        return lambda rows: np.full(rows_in(rows), constant)
    if not hasattr(model, "fit"):
        predict = model(x, y, weight)
        return lambda rows: np.asarray(predict(rows), dtype=np.float64)
    from sklearn.base import clone

    fresh = clone(model)
    seeds = {name: seed for name in fresh.get_params() if name.split("__")[-1] == "random_state"}
    fresh.set_params(**seeds)
    options = {}
    if (weight != weight[0]).any():
        steps = getattr(fresh, "steps", None)
        if steps:
            options = {f"{steps[-1][0]}__sample_weight": weight}
        elif "sample_weight" in inspect.signature(fresh.fit).parameters:
            options = {"sample_weight": weight}
        else:
            raise ConfigError(f"a {type(model).__name__} takes no weights, and this correction needs them.")
    fresh.fit(x, y, **options)
    place = int(np.flatnonzero(np.asarray(fresh.classes_) == 1)[0])
    return lambda rows: np.asarray(fresh.predict_proba(rows)[:, place], dtype=np.float64)


def _jackknife(sums: Floats, read: Callable[[Floats], Floats], level: float, n: int) -> Estimate:
    """A figure of sums over blocks, with Student's interval from leaving out each block in turn."""
    total = sums.sum(axis=0, keepdims=True)
    value = float(read(total)[0])
    blocks = len(sums)
    if blocks < 2 or math.isnan(value):
        return Estimate(value, n=n)
    left = read(total - sums)
    left = left[np.isfinite(left)]
    if len(left) < 2:
        return Estimate(value, n=n)
    error = math.sqrt((len(left) - 1) / len(left) * float(np.square(left - left.mean()).sum()))
    half = student_quantile(0.5 + level / 2, min(blocks - 1, 500)) * error
    return Estimate(value, value - half, value + half, n)


def _ratio(part: Floats, whole: Floats) -> Floats:
    result: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return result


def _ages(horizons: Sequence[Duration]) -> list[int]:
    if isinstance(horizons, str | bytes) or not isinstance(horizons, Sequence | np.ndarray) or not len(horizons):
        raise ConfigError("horizons are a list of durations such as ['1h', '6h', '1d'].")
    return [duration_us(horizon, what="horizon") for horizon in horizons]


def _final(final: Duration | None, ages: list[int]) -> int:
    last = max(ages) if final is None else duration_us(final, what="final")
    if last < max(ages):
        raise ConfigError(f"labels are final at {duration_text(last)}, before the horizon {duration_text(max(ages))}.")
    return last
