"""The report before a project: what a table could be asked, whether it could answer, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.columns import Frame
from hindcast.errors import ConfigError
from hindcast.findings import Finding
from hindcast.metrics.value import Goal
from hindcast.parameters import choice, seed_of
from hindcast.quality.feedback import Delay, measure_delay
from hindcast.quality.fitness import Fitness, judge_fitness
from hindcast.quality.floors import Floor, LearningPoint, Sample, learning_curve, measure_floors
from hindcast.quality.framing import Framing, frame_question
from hindcast.quality.given import instance
from hindcast.quality.guess import Guess, guess_entity, guess_target, guess_time
from hindcast.quality.hazards import Roles, hazards, leaking_columns, worst_first
from hindcast.quality.missing import MissingColumn, diagnose_missing
from hindcast.quality.timeline import Timeline, measure_timeline
from hindcast.values import Floats, Ints, iso

__all__ = ["Scope", "scope"]


@dataclass(frozen=True, eq=False)
class Scope:
    """What can be said of a table before a project begins.

    Parameters
    ----------
    rows : int
    columns : tuple of str
    kinds : mapping from column to str
    roles : tuple of Guess
        Which columns are taken for the time, the label, the entity, and why.
    first_us, last_us : int or None
        The span of the time column.
    question : str
        In words.
    framing : Framing
    fitness : Fitness
        Whether machine learning is right here, with reasons.
    timeline : Timeline or None
        Rows, labels and gaps period by period; None without times.
    delay : Delay or None
    floors : tuple of Floor
    curve : tuple of LearningPoint
    missing : tuple of MissingColumn
    findings : tuple of Finding
        Worst first.
    lacking : tuple of str
        What nobody has said yet and only people can.
    goal : Goal or None
    """

    rows: int
    kinds: Mapping[str, str]
    roles: tuple[Guess, ...]
    first_us: int | None
    last_us: int | None
    question: str
    framing: Framing
    fitness: Fitness
    timeline: Timeline | None
    delay: Delay | None
    floors: tuple[Floor, ...]
    curve: tuple[LearningPoint, ...]
    missing: tuple[MissingColumn, ...]
    findings: tuple[Finding, ...]
    lacking: tuple[str, ...]
    goal: Goal | None = None

    def describe(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        framing = self.framing
        return {
            "rows": self.rows,
            "columns": list(self.kinds),
            "kinds": dict(self.kinds),
            "roles": {guess.what: {"value": guess.value, "why": guess.why} for guess in self.roles},
            "first": None if self.first_us is None else iso(self.first_us),
            "last": None if self.last_us is None else iso(self.last_us),
            "question": self.question,
            "fitness": self.fitness.describe(),
            "framing": {
                "kind": framing.kind,
                "classes": [str(c) for c in framing.classes],
                "counts": list(framing.counts),
                "labelled": framing.known,
                "why": framing.why,
                "alternatives": list(framing.alternatives),
                "histogram": None if framing.kind != "regression" else framing.histogram(),
            },
            "goal": None
            if self.goal is None
            else {"hit": self.goal.hit, "false_alarm": self.goal.false_alarm, "unit": self.goal.unit},
            "timeline": None if self.timeline is None else self.timeline.describe(),
            "delay": None if self.delay is None else self.delay.describe(),
            "floors": [{n: getattr(floor, n) for n in Floor.__slots__} for floor in self.floors],
            "curve": [{n: getattr(point, n) for n in LearningPoint.__slots__} for point in self.curve],
            "missing": [column.describe() for column in self.missing],
            "findings": [finding.describe() for finding in self.findings],
            "lacking": list(self.lacking),
        }

    def summary(self) -> list[str]:
        """The report in sentences, the most important first."""
        said = [self.question, self.fitness.says, self._volume(), self._balance()]
        if self.delay is not None:
            said.append(self.delay.sentence())
        said += self._earned()
        if len(self.curve) > 1:
            before, last = self.curve[-2], self.curve[-1]
            better = last.high < before.value
            told = (
                "more rows would help" if better else "more rows of this kind would hardly help; better columns might"
            )
            said.append(
                f"Learning from {last.rows:,} rows instead of {before.rows:,} takes the error from {before.value:.3f} "
                f"to {last.value:.3f} [{last.low:.3f}, {last.high:.3f}]: {told}."
            )
        return said

    def _volume(self) -> str:
        span = "" if self.first_us is None else f", {iso(self.first_us)[:10]} to {iso(self.last_us or 0)[:10]}"
        return f"{self.rows:,} rows of {len(self.kinds)} columns{span}; {self.framing.known:,} have a label."

    def _balance(self) -> str:
        framing = self.framing
        if framing.kind == "unlabelled":
            return f"There is nothing to learn yet: {framing.why}."
        if framing.kind == "regression":
            low, middle, high = np.nanquantile(framing.label, [0.05, 0.5, 0.95])
            return (
                f"Regression: {framing.why}; nine rows in ten between {low:g} and {high:g}, the middle at {middle:g}."
            )
        total = sum(framing.counts)
        shares = [f"{c} {n / total:.1%}" for c, n in zip(framing.classes, framing.counts, strict=True)]
        shown = ", ".join(shares[:6]) + (f" and {len(shares) - 6} more" if len(shares) > 6 else "")
        return f"{framing.kind.capitalize()}: {framing.why} ({shown})."

    def _earned(self) -> list[str]:
        if self.goal is None or not self.floors or self.floors[-1].worth != self.floors[-1].worth:
            return []
        *others, first = self.floors
        best = max(others, key=lambda f: f.worth)
        earns = f"{first.worth:,.0f} {self.goal.unit} [{first.worth_low:,.0f}, {first.worth_high:,.0f}]"
        floors = f"on the best floor ({best.name}) {best.worth:,.0f}; doing nothing 0"
        return [f"Acting on a first model would be worth {earns} per 1,000 rows; {floors}."]


def scope(
    frame: Frame,
    *,
    label: str | None = None,
    time: str | None = None,
    entity: str | None = None,
    label_time: str | None = None,
    source: str | None = None,
    goal: Goal | None = None,
    seed: int = 0,
) -> Scope:
    """Look a table over before anything is built on it.

    Parameters
    ----------
    frame : Frame
    label, time, entity : str, optional
        Columns; guessed where not given.
    label_time : str, optional
        The column that says when a row's label became known.
    source : str, optional
        A column that says how or where a row was collected; columns that give it away are found.
    goal : Goal, optional
        What acting on a row is worth where it is of the rarer of two classes, and costs where it is not: then the
        report says what a first model would earn.
    seed : int, default 0

    Raises
    ------
    ConfigError
        For an empty table, or when no column is clearly the label and none is given.
    UnknownName
        For a column that is not there.

    Notes
    -----
    A minute for a million rows of twenty columns: whatever fits a model looks at 50,000 of them at most, evenly spaced.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=500)
    >>> found = scope(Frame.of({"x": x, "y": (x + rng.normal(size=500) > 0).astype(float)}), label="y")
    >>> found.framing.kind, [finding.number for finding in found.findings]
    ('binary', ['HC001'])
    """
    instance("frame", frame, Frame)
    if not len(frame) or not frame.names:
        raise ConfigError("the table holds no rows; there is nothing to look over.")
    if goal is not None:
        instance("goal", goal, Goal)
    seed = seed_of(seed)
    named = {"label": label, "time": time, "entity": entity, "label_time": label_time, "source": source}
    for what, name in named.items():
        if name is not None:
            choice("column", name, frame.names, where=f"scope({what}=)")
    roles = []
    if label is None:
        guess = guess_target(frame)
        label = _column_of(guess.value)
        roles.append(Guess("label", label, guess.why))
    else:
        roles.append(Guess("label", label, "named"))
    when = _time(frame, time, label_time)
    roles.append(when)
    about = Guess("entity", entity, "named") if entity else guess_entity(frame, [label, when.value])
    roles.append(about)
    framing = frame_question(frame[label], label)
    order = _order(frame, when.value, seed)
    taken = {label, label_time, when.value, source}
    inputs = frame.select([name for name in frame if name not in taken and frame[name].kind != "time"])
    asked = frame[when.value].values if when.value else np.arange(len(frame))
    number = _as_number(framing)
    gaps = diagnose_missing(inputs, number, at=asked, seed=seed)
    cast = Roles(label, when.value, about.value, label_time or "", source or "")
    leaks = list(leaking_columns(frame, framing, number, inputs, cast))
    clean = inputs.select([name for name in inputs if name not in {leak.where for leak in leaks}])
    floors: tuple[Floor, ...] = ()
    at_random: tuple[Floor, ...] = ()
    curve: tuple[LearningPoint, ...] = ()
    if framing.kind != "unlabelled":
        sample = Sample.of(clean, framing, order)
        floors = measure_floors(sample, goal=goal, seed=seed)
        at_random = measure_floors(sample.shuffled(seed), seed=seed) if floors and when.value else ()
        curve = learning_curve(sample, floors[-1], seed=seed) if floors else ()
    found = worst_first([*leaks, *hazards(frame, cast, framing, inputs, order, gaps, floors, at_random)])
    moments = asked[frame[when.value].present()] if when.value else np.zeros(0, dtype=np.int64)
    return Scope(
        len(frame),
        frame.kinds,
        tuple(roles),
        int(moments.min()) if moments.size else None,
        int(moments.max()) if moments.size else None,
        framing.question(label),
        framing,
        judge_fitness(framing, floors, found, time=when.value, goal=goal),
        measure_timeline(frame, when.value, framing, [gap.name for gap in gaps]) if when.value else None,
        None if label_time is None or not when.value else measure_delay(frame, when.value, label_time),
        floors,
        curve,
        tuple(gaps),
        found,
        tuple(_lacking(when.value, about.value, label_time, framing, goal)),
        goal,
    )


def _column_of(condition: str) -> str:
    return condition.split(" ==", maxsplit=1)[0]


def _time(frame: Frame, time: str | None, label_time: str | None) -> Guess:
    rest = frame.select([name for name in frame if name != label_time])
    try:
        return guess_time(rest, time)
    except ConfigError:
        if time is not None:
            raise
        return Guess("time", "", "no column holds times")


def _order(frame: Frame, time: str, seed: int) -> Ints:
    if not time:
        return np.random.default_rng([seed, 63]).permutation(len(frame)).astype(np.int64)
    rows = np.flatnonzero(frame[time].present())
    return rows[np.argsort(frame[time].values[rows], kind="stable")].astype(np.int64)


def _as_number(framing: Framing) -> Floats:
    """One number per row that leaks and gaps are held against: the rarer of two classes, the commonest of many."""
    if framing.kind == "regression":
        return framing.label
    chosen = 1.0 if framing.kind == "binary" else 0.0
    return np.where(np.isnan(framing.label), np.nan, (framing.label == chosen).astype(np.float64))


def _lacking(time: str, entity: str, label_time: str | None, framing: Framing, goal: Goal | None) -> list[str]:
    said = [] if goal is not None else ["What a right answer is worth and a wrong one costs (hc.Goal)."]
    if time:
        said.append(f"When each column could first be known, not only when it happened ({time}): known= of each table.")
    else:
        said.append("When each row happened: without it no honest split, no monitoring, no replay.")
    if label_time is None and framing.kind != "unlabelled":
        said.append("When labels become known (label_time): it sets the gap of splits and the delay of alarms.")
    if not entity:
        said.append("Who or what a row is about: past rows of the same one are often the best features.")
    said.append("What people do today: the rule or the system that a model must beat.")
    return said
