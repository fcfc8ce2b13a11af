"""What a model loses that waits less for its labels, and corrections that win some of it back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hindcast.errors import ConfigError, DataError
from hindcast.labels.delayed import fake_negative_weights, known_weights, undelayed_probability
from hindcast.labels.horizon_rows import HorizonRows, Missing, ages_of, final_of
from hindcast.labels.moments import moment_at
from hindcast.metrics import Estimate, difference, interval
from hindcast.parameters import choice, level_of, seed_of
from hindcast.sampling import strata_of
from hindcast.sampling.blocks import rows_in, take_rows
from hindcast.values import Bools, Duration, Floats, Ints, Moment, duration_text

__all__ = ["Correction", "HorizonAccuracy", "horizon_accuracy"]

_SHRINK = 20.0
"""As many rows of all stand beside those of a group when its chance is measured."""
_HIDDEN = 0.05
Correction = Literal["none", "weights", "calibrate"]


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
    data = HorizonRows.of(asked, known, label, now)
    if rows_in(x) != len(data.asked):
        raise DataError(f"{len(data.asked)} rows were asked and x has {rows_in(x)}.")
    for correction in corrections:
        choice("correction", correction, ("none", "weights", "calibrate"), where="horizon_accuracy")
        if correction == "calibrate" and missing == "drop":
            raise ConfigError("'calibrate' is for negatives by default (missing='negative'); use 'weights'.")
    ages = ages_of(horizons)
    last = final_of(final, ages)
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
