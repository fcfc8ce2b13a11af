"""Active learning replayed over history: what could have been asked when, and what was known by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.active.curve import RANDOM, Metric, metric_name, score_of, with_random
from hindcast.active.figure import Spec, bands
from hindcast.active.labelling import ask, fitted_or_none
from hindcast.active.strategy import Strategy
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.intervals import Estimate
from hindcast.parameters import level_of, number, progress_of, seed_of, whole
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import take
from hindcast.semi.paired import mean_of
from hindcast.values import Duration, Floats, Ints, Moment, duration_us, iso, moment_us
from hindcast.verdicts import Verdict

__all__ = ["HistoryCurve", "replay_labelling"]


@dataclass(frozen=True, eq=False)
class HistoryCurve:
    """Scores over history, had labels been bought by a strategy; random always among them.

    Parameters
    ----------
    rounds : int64 array, shape (T,)
        The moments of the rounds, microseconds.
    scores : mapping of strategy to float64 array, shape (repeats, T)
        Of the model of each round on the items that came between it and the next; NaN where none did or no label was
        known yet.
    asked, known : mapping of strategy to float64 array, shape (repeats, T)
        Labels asked for by the end of a round, and those known at its start.
    places : mapping of strategy to tuple of int64 arrays, one a repeat
        What was asked, in order.
    metric, level
    """

    rounds: Ints
    scores: Mapping[str, Floats]
    asked: Mapping[str, Floats]
    known: Mapping[str, Floats]
    places: Mapping[str, tuple[Ints, ...]]
    metric: str
    level: float = 0.95

    @property
    def strategies(self) -> tuple[str, ...]:
        """The names, random last."""
        return tuple(self.scores)

    def of(self, strategy: str) -> Floats:
        """A strategy's scores, shape (repeats, T)."""
        if strategy not in self.scores:
            raise UnknownName("strategy", strategy, self.scores, where="history curve")
        return self.scores[strategy]

    def estimates(self, strategy: str) -> tuple[Estimate, ...]:
        """The mean score over repeats of each round, with Student's interval."""
        return tuple(mean_of(column, level=self.level) for column in self.of(strategy).T)

    def gain(self, strategy: str) -> Estimate:
        """Score minus random's over the rounds in which both have one, averaged, over repeats."""
        difference = self.of(strategy) - self.of(RANDOM)
        there = np.isfinite(difference)
        total = np.where(there, difference, 0.0).sum(axis=1)
        counted = there.sum(axis=1)
        mean = np.divide(total, counted, out=np.full(len(total), np.nan), where=counted > 0)
        return mean_of(mean, level=self.level)

    def verdict(self, strategy: str) -> Verdict:
        """Whether choosing so would have beaten random over this history."""
        gain = self.gain(strategy)
        check = f"{strategy} against random over history"
        evidence = {"gain": gain.value, "low": gain.low, "high": gain.high}
        if not np.isfinite(gain.low):
            return Verdict.unknown(check, "too few repeats or rounds for an interval", **evidence)
        if gain.low > 0:
            return Verdict.passed(check, f"better by {gain} over all rounds", **evidence)
        if gain.high < 0:
            return Verdict.failed(check, f"worse than random: {gain}", **evidence)
        return Verdict.unknown(check, f"no gain here: {gain}", **evidence)

    def table(self) -> str:
        """A Markdown table: a row per strategy with labels asked, the last round's score, gain and verdict."""
        lines = [
            f"| strategy | labels asked | {self.metric}, last round | gain on random, all rounds | verdict |",
            "| --- | ---: | ---: | --- | --- |",
        ]
        for name in self.strategies:
            scored = self.of(name)
            last = scored[:, -1][np.isfinite(scored[:, -1])]
            shown = f"{last.mean():.3f}" if len(last) else "none"
            said = ("the floor", "the floor") if name == RANDOM else (str(self.gain(name)), self.verdict(name).outcome)
            lines.append(f"| {name} | {self.asked[name][:, -1].mean():.0f} | {shown} | {said[0]} | {said[1]} |")
        return "\n".join(lines)

    def figure(self) -> Spec:
        """A plotly.js figure as plain data: score over time, a band per strategy."""
        series = {name: self.estimates(name) for name in self.strategies}
        return bands([iso(int(t)) for t in self.rounds], series, x="time", y=self.metric)


def replay_labelling(
    items: Any,
    labels: Any,
    as_of: Any,
    learner: Any,
    strategies: Sequence[str | Strategy] | str | Strategy = "margin",
    *,
    every: Duration = "7d",
    per_round: int = 20,
    label_delay: Duration = "1d",
    known: Any = None,
    pool_age: Duration | None = None,
    start: Moment | None = None,
    stop: Moment | None = None,
    repeats: int = 5,
    metric: Metric = "accuracy",
    features: Any = None,
    near: float = 1e-3,
    level: float = 0.95,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> HistoryCurve:
    """Replay a labelling campaign over history, as it would have run.

    At each round, at moment t: the labels known are those asked for in earlier rounds whose answer is visible at t;
    the model is fitted on them; it is scored on the items of ``[t, t + every)``, which the strategy has not seen; then
    `per_round` items with ``as_of < t`` that nobody asked for yet are chosen. A label asked for at s is visible at t
    when ``max(s, known) + label_delay < t``.

    Parameters
    ----------
    items, labels : n items with the labels an annotator would give
    as_of : int64 microseconds or moments, shape (n,)
        When each item came.
    learner : scikit-learn style classifier
    strategies : names or :class:`Strategy`; random is always added
    every, label_delay : duration
    per_round : int, default 20
    known : int64 microseconds or moments, shape (n,), optional
        When the truth of an item came to exist, for labels that nobody could give earlier (an outcome). Items are
        asked for at any age; the answer waits.
    pool_age : duration, optional
        Older items are not asked for.
    start, stop : moment, optional
        Default: one `every` after the first item; one after the last.
    repeats, metric, features, near, level, seed, progress
        As in :func:`~hindcast.active.budget_curve`. Repeats differ in ties, random choices and the cold start; the
        history is one, so their interval says nothing about another year. `features` that were learnt on all items
        (TF-IDF) know the future's vocabulary: put the encoder into the learner instead.

    Returns
    -------
    HistoryCurve

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x = np.random.default_rng(0).normal(size=(120, 2))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> day = np.arange(120) // 4 * 86_400_000_000
    >>> curve = replay_labelling(x, y, day, LogisticRegression(), every="5d", per_round=3, repeats=2)
    >>> curve.asked["random"][0].tolist(), curve.known["random"][0].tolist()
    ([3.0, 6.0, 9.0, 12.0, 15.0], [0.0, 3.0, 6.0, 9.0, 12.0])
    """
    y = labels_of(items, labels, what="replay_labelling")
    if not y.known.all():
        raise DataError("every row needs a label to replay labelling", row=int((~y.known).argmax()) + 1)
    per_round = whole("replay_labelling: per_round", per_round, least=1)
    repeats, seed = whole("replay_labelling: repeats", repeats, least=1, most=10_000), seed_of(seed)
    level, near, told = level_of("level", level), number("near", near, least=0.0), progress_of(progress)
    came = _moments(as_of, len(y), "as_of")
    truth = came if known is None else _moments(known, len(y), "known")
    step = duration_us(every, what="every")
    if step < 1:
        raise ConfigError("replay_labelling needs every > 0.")
    delay = duration_us(label_delay, what="label_delay")
    oldest = None if pool_age is None else duration_us(pool_age, what="pool_age")
    first = int(came.min()) + step if start is None else moment_us(start, what="start")
    last = int(came.max()) + 1 if stop is None else moment_us(stop, what="stop")
    rounds = np.arange(first, last, step, dtype=np.int64)
    if not len(rounds):
        raise ConfigError(f"no round fits between {iso(first)} and {iso(last)}; make `every` shorter.")
    plans, name = with_random(strategies), metric_name(metric)
    shape = (repeats, len(rounds))
    scores = {plan: np.full(shape, np.nan) for plan in plans}
    asked, seen = ({plan: np.zeros(shape) for plan in plans} for _ in range(2))
    places: dict[str, list[Ints]] = {plan: [] for plan in plans}
    done = 0
    for repeat in range(repeats):
        own = int(np.random.SeedSequence([seed, 40_291, repeat]).generate_state(1)[0] & 0x7FFFFFFF)
        for plan_name, plan in plans.items():
            campaign = _Campaign(items, y, came, truth, learner, plan, delay, oldest, features, near, own)
            for at, now in enumerate(rounds):
                model = campaign.model(int(now))
                seen[plan_name][repeat, at] = len(campaign.usable)
                test = np.flatnonzero((came >= now) & (came < now + step))
                if model is not None and len(test):
                    found = model.predict_proba(take(items, test))
                    scores[plan_name][repeat, at] = score_of(metric, found, y.codes[test])
                campaign.ask(int(now), per_round, model)
                asked[plan_name][repeat, at] = len(campaign.places)
                done += 1
                told(done, repeats * len(plans) * len(rounds))
            places[plan_name].append(campaign.places)
    return HistoryCurve(rounds, scores, asked, seen, {k: tuple(v) for k, v in places.items()}, name, level)


class _Campaign:
    """One strategy's labels as they come in."""

    def __init__(
        self,
        items: Any,
        y: Labelled,
        came: Ints,
        truth: Ints,
        learner: Any,
        plan: Strategy,
        delay: int,
        oldest: int | None,
        features: Any,
        near: float,
        seed: int,
    ) -> None:
        self.items, self.y, self.came, self.truth, self.learner, self.plan = items, y, came, truth, learner, plan
        self.delay, self.oldest, self.features, self.near, self.seed = delay, oldest, features, near, seed
        self.places = np.zeros(0, dtype=np.int64)
        self.visible_from = np.zeros(0, dtype=np.int64)
        self.usable = np.zeros(0, dtype=np.int64)

    def model(self, now: int) -> Any:
        """Fitted on the labels visible at `now`; None without any."""
        self.usable = self.places[self.visible_from < now]
        return fitted_or_none(self.learner, self.items, self.y, self.usable, self.seed)

    def ask(self, now: int, n: int, model: Any) -> None:
        """Ask for `n` of the items that had come before `now` and were not asked for."""
        open_ = self.came < now
        if self.oldest is not None:
            open_ &= self.came >= now - self.oldest
        open_[self.places] = False
        pool = np.flatnonzero(open_)
        if not len(pool):
            return
        choice = ask(
            self.plan,
            self.learner,
            model,
            self.items,
            self.y,
            self.usable,
            pool,
            n=n,
            features=self.features,
            asked=self.places,
            near=self.near if self.plan.name != RANDOM else 0.0,
            seed=self.seed + len(self.places),
        )
        self.places = np.concatenate([self.places, choice.places])
        visible = np.maximum(now, self.truth[choice.places]) + self.delay
        self.visible_from = np.concatenate([self.visible_from, visible])


def _moments(values: Any, n: int, what: str) -> Ints:
    array = np.asarray(values)
    if array.dtype.kind == "M":
        array = array.astype("datetime64[us]").astype(np.int64)
    elif array.dtype.kind not in "iu":
        array = np.array([moment_us(v, what=what) for v in values], dtype=np.int64)
    if array.shape != (n,):
        raise DataError(f"{what} must give a moment for each of the {n} items, got shape {array.shape}.")
    return array.astype(np.int64)
