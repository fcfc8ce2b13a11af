"""What choosing is worth: the score at each budget, beside random's, over repeats."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.active.choose import _costs
from hindcast.active.figure import Spec, bands
from hindcast.active.labelling import ask, fitted_or_none
from hindcast.active.needed import Needed, needed
from hindcast.active.strategy import Strategy, strategy_of
from hindcast.errors import ConfigError, DataError, UnknownName
from hindcast.metrics.intervals import Estimate
from hindcast.metrics.rows import numbers
from hindcast.parameters import choice, level_of, number, progress_of, seed_of, share, whole
from hindcast.semi.classes import Labelled, labels_of
from hindcast.semi.items import stack, take
from hindcast.semi.paired import mean_of, row_scores
from hindcast.values import Floats, Ints
from hindcast.verdicts import Verdict

__all__ = ["BudgetCurve", "budget_curve"]

RANDOM = "random"
Metric = str | Callable[[Floats, Ints], float]


@dataclass(frozen=True, eq=False)
class BudgetCurve:
    """Scores of strategies by budget, random always among them.

    Parameters
    ----------
    budgets : float64 array, shape (B,)
        In the unit of cost: labels, where every label costs 1.
    scores : mapping of strategy to float64 array, shape (repeats, B)
        On held-out rows, higher is better. In one repeat all strategies share split, first labels and seeds.
    metric : str
    level : float
        Of all intervals.
    notes : tuple of str
    """

    budgets: Floats
    scores: Mapping[str, Floats]
    metric: str
    level: float = 0.95
    notes: tuple[str, ...] = ()
    labels: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def strategies(self) -> tuple[str, ...]:
        """The names, random last."""
        return tuple(self.scores)

    @property
    def repeats(self) -> int:
        return len(self.scores[RANDOM])

    def of(self, strategy: str) -> Floats:
        """A strategy's scores, shape (repeats, B); an unknown name is answered with close ones."""
        if strategy not in self.scores:
            raise UnknownName("strategy", strategy, self.scores, where="budget curve")
        return self.scores[strategy]

    def estimates(self, strategy: str) -> tuple[Estimate, ...]:
        """The mean score over repeats at each budget, with Student's interval."""
        return tuple(mean_of(column, level=self.level) for column in self.of(strategy).T)

    def gains(self, strategy: str) -> tuple[Estimate, ...]:
        """The mean of score minus random's in the same repeat, at each budget."""
        return tuple(mean_of(column, level=self.level) for column in (self.of(strategy) - self.of(RANDOM)).T)

    def gain(self, strategy: str) -> Estimate:
        """Score minus random's, averaged over the budgets after the first and over repeats."""
        difference = self.of(strategy) - self.of(RANDOM)
        return mean_of(
            difference[:, 1:].mean(axis=1) if difference.shape[1] > 1 else difference[:, 0], level=self.level
        )

    def needed(self, strategy: str, budget: float) -> Needed:
        """What `strategy` spends to score as random does at `budget`."""
        return needed(self.budgets, self.of(strategy), self.of(RANDOM), budget, strategy=strategy, level=self.level)

    def verdict(self, strategy: str) -> Verdict:
        """Whether choosing so beat random here: pass, fail (worse than random), or unknown (no gain seen)."""
        gain = self.gain(strategy)
        check = f"{strategy} against random"
        evidence = {"gain": gain.value, "low": gain.low, "high": gain.high, "repeats": self.repeats}
        if not np.isfinite(gain.low):
            return Verdict.unknown(check, f"{self.repeats} repeat has no interval; run more", **evidence)
        if gain.low > 0:
            return Verdict.passed(check, f"better by {gain} over all budgets", **evidence)
        if gain.high < 0:
            return Verdict.failed(check, f"worse than random: {gain} over all budgets", **evidence)
        return Verdict.unknown(check, f"no gain here: {gain} over all budgets", **evidence)

    def rows(self) -> list[dict[str, Any]]:
        """One mapping per strategy and budget: plain values, for a table of one's own."""
        return [
            {"strategy": name, "budget": float(b), "score": e.describe(), "gain": g.describe()}
            for name in self.strategies
            for b, e, g in zip(self.budgets, self.estimates(name), self.gains(name), strict=True)
        ]

    def table(self) -> str:
        """A Markdown table: a row per strategy, a column per budget, what random's last scores cost, the verdict."""
        last = float(self.budgets[-1])
        head = [f"{self.metric} at", *(f"{b:g}" for b in self.budgets), f"for random's at {last:g}", "verdict"]
        lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 2) + " --- |"]
        for name in self.strategies:
            cells = [f"{e.value:.3f}" for e in self.estimates(name)]
            if name == RANDOM:
                cells += [f"{last:g}", "the floor"]
            else:
                cells += [str(self.needed(name, last)), self.verdict(name).outcome]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def figure(self) -> Spec:
        """A plotly.js figure as plain data: the mean of each strategy with its interval."""
        series = {name: self.estimates(name) for name in self.strategies}
        return bands(self.budgets, series, x="budget", y=self.metric)


def score_of(metric: Metric, probability: Floats, codes: Ints) -> float:
    """One number, higher is better."""
    if callable(metric):
        return float(metric(probability, codes))
    if metric == "balanced_accuracy":
        right = (probability.argmax(axis=1) == codes).astype(np.float64)
        sizes = np.bincount(codes, minlength=probability.shape[1])
        hits = np.bincount(codes, weights=right, minlength=probability.shape[1])
        return float((hits[sizes > 0] / sizes[sizes > 0]).mean())
    return float(row_scores(metric, probability, codes).mean())


def metric_name(metric: Metric) -> str:
    """How a metric is called; a name that is none is refused."""
    if callable(metric):
        return getattr(metric, "__name__", "score")
    choice("metric", metric, ["accuracy", "balanced_accuracy", "log_loss"], where="budget curve")
    return "log likelihood" if metric == "log_loss" else metric.replace("_", " ")


def with_random(strategies: Sequence[str | Strategy] | str | Strategy) -> dict[str, Strategy]:
    """The strategies by name, and random, last."""
    if isinstance(strategies, str | Strategy) or not isinstance(strategies, Sequence):
        strategies = [strategies]
    plans = [strategy_of(s) for s in strategies]
    named = {plan.name: plan for plan in plans if plan.name != RANDOM}
    if len(named) != len([plan for plan in plans if plan.name != RANDOM]):
        raise ConfigError("two strategies have one name; give them names.")
    return {**named, RANDOM: strategy_of(RANDOM)}


def _budgets(budgets: Sequence[float], total: float) -> Floats:
    b = numbers(budgets, "budgets")
    if b.ndim != 1 or not len(b) or not np.isfinite(b).all() or b[0] <= 0 or (np.diff(b) <= 0).any():
        raise ConfigError(f"budgets must rise from above zero, got {budgets!r:.100}.")
    if b[-1] > total + 1e-9:
        raise ConfigError(f"the budget {b[-1]:g} is more than all labels of the pool cost ({total:g}).")
    return b


def budget_curve(
    items: Any,
    labels: Any,
    learner: Any,
    strategies: Sequence[str | Strategy] | str | Strategy = "margin",
    *,
    budgets: Sequence[float],
    repeats: int = 5,
    held_out: float | tuple[Any, Any] = 0.3,
    metric: Metric = "accuracy",
    cost: Any = None,
    features: Any = None,
    near: float = 1e-3,
    level: float = 0.95,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> BudgetCurve:
    """Replay labelling on rows whose labels are known: each strategy, and random, from nothing to the last budget.

    Random asks for no exact copies either, which is a little better than drawing blindly.

    Parameters
    ----------
    items, labels : n labelled items
    learner : scikit-learn style classifier; refitted at each budget
    strategies : one or more names or :class:`Strategy`; random is always added
    budgets : rising numbers
        The first is a cold start: random labels, the same for all strategies of a repeat. At each further one a batch
        is chosen for the difference. Smaller steps choose better and fit more often.
    repeats : int, default 5
        With other splits, first labels and seeds each; one repeat has no interval.
    held_out : share of the items, or (items, labels); default 0.3
        Scored, never asked.
    metric : {"accuracy", "balanced_accuracy", "log_loss"} or callable (probability, codes) -> float
        Higher is better; "log_loss" is turned into a mean log likelihood.
    cost : array, shape (n,), optional
        What each label costs, in the unit of the budgets.
    features, near
        As in :func:`~hindcast.active.choose`; an array has a row per item.
    level : float, default 0.95
    seed : int, default 0
    progress : callable, optional
        Called with (fits done, fits).

    Returns
    -------
    BudgetCurve

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x.sum(axis=1) > 0).astype(int)
    >>> curve = budget_curve(x, y, LogisticRegression(), "margin", budgets=[4, 8, 12], repeats=2)
    >>> curve.strategies, curve.of("margin").shape
    (('margin', 'random'), (2, 3))
    """
    y = labels_of(items, labels, what="budget_curve")
    if not y.known.all():
        raise DataError("every row needs a label to replay labelling", row=int((~y.known).argmax()) + 1)
    repeats, seed = whole("budget_curve: repeats", repeats, least=1, most=10_000), seed_of(seed)
    level, near, told = level_of("level", level), number("near", near, least=0.0), progress_of(progress)
    budgets = _budgets(budgets, math.inf).tolist()
    plans, name = with_random(strategies), metric_name(metric)
    outside: Ints | None = None
    if isinstance(held_out, tuple) and len(held_out) == 2:
        items, y, outside = _joined(items, y, labels, held_out)
        if features is not None and not callable(features) and not hasattr(features, "transform"):
            raise ConfigError("features as an array need held_out as a share; pass an encoder instead.")
    else:
        held_out = share("held_out (a share, or a tuple of items and labels)", held_out, one=False)
    costs = None if cost is None else np.resize(_costs(cost, len(labels)), len(y))
    scores = {plan: np.full((repeats, len(budgets)), np.nan) for plan in plans}
    asked = {plan: np.zeros((repeats, len(budgets))) for plan in plans}
    done, fits = 0, repeats * len(plans) * len(budgets)
    for repeat in range(repeats):
        own = int(np.random.SeedSequence([seed, 40_271, repeat]).generate_state(1)[0] & 0x7FFFFFFF)
        test = outside if outside is not None else _split(y, float(held_out), own)  # type: ignore[arg-type]
        pool = np.setdiff1d(np.arange(len(y)), test)
        spend = _budgets(budgets, float(len(pool) if costs is None else costs[pool].sum()))
        unseen = take(items, test)
        for plan_name, plan in plans.items():
            known = np.zeros(0, dtype=np.int64)
            spent, model = 0.0, None
            for step, budget in enumerate(spend):
                open_ = np.setdiff1d(pool, known)
                left = budget - spent
                choice = ask(
                    plan if step else plans[RANDOM],
                    learner,
                    model,
                    items,
                    y,
                    known,
                    open_,
                    n=max(1, round(left)) if costs is None else len(open_),
                    cost=costs,
                    budget=None if costs is None else left,
                    features=features,
                    near=near if step and plan_name != RANDOM else 0.0,
                    seed=own + step,
                )
                known, spent = np.concatenate([known, choice.places]), spent + choice.spent
                model = fitted_or_none(learner, items, y, known, own)
                if model is not None:
                    scores[plan_name][repeat, step] = score_of(metric, model.predict_proba(unseen), y.codes[test])
                asked[plan_name][repeat, step] = len(known)
                done += 1
                told(done, fits)
    return BudgetCurve(np.asarray(budgets, dtype=np.float64), scores, name, level, (), asked)


def _split(y: Labelled, share: float, seed: int) -> Ints:
    """`share` of the rows, at least one, spread over the classes as they are."""
    random = np.random.default_rng([seed, 40_281])
    order = random.permutation(len(y))
    order = order[np.argsort(y.codes[order], kind="stable")]
    mark = np.floor(np.arange(len(y) + 1) * share + random.random())
    test = np.sort(order[np.diff(mark) > 0])
    return test if len(test) else order[:1]


def _joined(items: Any, y: Labelled, labels: Any, held_out: tuple[Any, Any]) -> tuple[Any, Labelled, Ints]:
    more = labels_of(held_out[0], held_out[1], what="held_out")
    names = tuple(sorted(set(y.classes) | set(more.classes)))
    first = np.array([names.index(c) for c in y.classes], dtype=np.int64)[y.codes]
    second = np.array([names.index(c) for c in more.classes], dtype=np.int64)[more.codes]
    together = Labelled(np.concatenate([first, second]), names)
    return stack([items, held_out[0]]), together, np.arange(len(y), len(together))
