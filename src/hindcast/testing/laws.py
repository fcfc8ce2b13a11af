"""The laws of features as one call: a user's own features, held to them on a user's own facts.

No law trusts the engine with itself: values are made again from facts in which the future was replaced by nonsense,
by another driver, in another order, on more threads, and by the oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.columns import Column, Frame
from hindcast.errors import DataError
from hindcast.facts.facts import Facts
from hindcast.facts.table import Table
from hindcast.features.batch import answer
from hindcast.features.definitions import Transform
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.testing.oracle import Oracle
from hindcast.testing.relevant import relevant_facts
from hindcast.testing.subject import Subject, facts_of, plan_of
from hindcast.values import DAY_US, Bools, Ints, Moment, iso, moment_us
from hindcast.verdicts import Verdict

__all__ = ["check_laws", "same_values"]

_CUTS = 3
_MOST_FACTS = 20_000
_ALONE = 50


def check_laws(
    features: Subject,
    facts: Any,
    requests: Frame | Iterable[Mapping[str, Any]],
    as_of: Ints | Sequence[Moment],
    *,
    target: Table | None = None,
    values: Frame | None = None,
    sample: int = 500,
    by_definition: int = 20,
    seed: int = 0,
) -> list[Verdict]:
    """Hold features to the laws on a sample of requests.

    Parameters
    ----------
    features : System, FeaturePlan, definition, function, or a sequence of definitions and functions
    facts : mapping of table name to Facts, or to rows
        As :func:`given` takes them.
    requests : Frame or rows, n of them
    as_of : int64 array or sequence of moments, shape (n,)
    target : Table, optional
        The table whose rows are asked about, for bare definitions with ``closed="right"``.
    values : Frame, n rows, optional
        What the features were found to be, in a training set or a log; by default the batch driver is asked.
    sample : int, default 500
        How many requests are looked at: spread over all for the laws of batch, the newest for the online driver.
    by_definition : int, default 20
        How many of them are answered by the oracle.
    seed : int, default 0

    Returns
    -------
    list of Verdict
        ``no future``: nothing that became known at a moment or later changes an answer at that moment.
        ``batch = online``: the online driver, fed in order, gives the same values, asked singly or in bulk.
        ``order-free``: so does one that is fed in any order and any batches, and so does batch.
        ``counted once``: a fact that is delivered again changes nothing.
        ``by definition``: the oracle gives the same values.
        ``row by row``: other requests beside one change nothing, nor does their order; a function that looks at its
        neighbours is named, with the row that shows it.
        ``pure functions``: asked twice, a function says the same, and leaves its inputs alone.
        ``threads``: one thread or three give the same bytes.

    Notes
    -----
    Costs some ten batch answers over the sample, and one online answer per request and law.

    Examples
    --------
    >>> import hindcast as hc
    >>> trips = hc.Table("trips", event_time="ended", known_after="10m")
    >>> facts = [{"driver": "ann", "ended": f"2025-01-03T09:{m}Z", "fare": m / 10} for m in range(10, 60)]
    >>> features = [hc.window(trips, "fare", ["mean", "max"], over="30m", by="driver")]
    >>> moments = ["2025-01-03T09:40Z", "2025-01-03T10:00Z"]
    >>> {verdict.outcome for verdict in check_laws(features, facts, [{"driver": "ann"}] * 2, moments)}
    {'pass'}
    """
    plan = plan_of(features, target)
    frame = requests if isinstance(requests, Frame) else _frame(plan, list(requests))
    moments = as_of if isinstance(as_of, np.ndarray) else np.array([moment_us(t) for t in as_of], dtype=np.int64)
    if moments.shape != (len(frame),) or not len(frame):
        raise DataError(f"there are {len(frame)} requests and {len(moments)} moments; give each request its own.")
    random = np.random.default_rng([seed, len(frame)])
    rows = np.sort(random.choice(len(frame), min(sample, len(frame)), replace=False))
    newest = np.argsort(moments, kind="stable")[-sample:]
    landed = facts_of(plan, facts)
    spread = _Case.of(plan, landed, frame, moments, rows, values, random)
    tail = _Case.of(plan, landed, frame, moments, newest, values, random)
    return [
        _no_future(spread),
        _online(tail),
        _order_free(spread, tail),
        _counted_once(tail),
        _by_definition(spread, by_definition),
        _row_by_row(spread),
        _pure(spread),
        _threads(spread),
    ]


@dataclass(frozen=True)
class _Case:
    """Requests, and what their features are taken to be."""

    plan: FeaturePlan
    facts: Mapping[str, Facts]
    requests: Frame
    as_of: Ints
    truth: Frame
    random: np.random.Generator

    @staticmethod
    def of(
        plan: FeaturePlan,
        facts: Mapping[str, Facts],
        requests: Frame,
        as_of: Ints,
        rows: Ints,
        values: Frame | None,
        random: np.random.Generator,
    ) -> _Case:
        asked = requests.select(plan.request_columns).take(rows)
        truth = values.take(rows) if values is not None else answer(plan, facts, asked, as_of[rows])
        return _Case(plan, facts, asked, as_of[rows], truth, random)

    def differing(self, other: Frame, rows: Any = slice(None)) -> dict[str, Ints]:
        """By feature, the rows of `other` that are not as they should be."""
        found = {}
        for name in self.plan.names:
            wrong = np.flatnonzero(~same_values(other[name], self.truth[name].take(rows)))
            if len(wrong):
                found[name] = wrong
        return found

    def told(self, row: int) -> str:
        """A request, for a sentence."""
        asked = self.requests.take(slice(row, row + 1)).rows() if self.requests.names else [{}]
        said = ", ".join(f"{name}={value!r}" for name, value in asked[0].items())
        return f"at {iso(int(self.as_of[row]))}" + (f" ({said})" if said else "")


def same_values(left: Column, right: Column) -> Bools:
    """Where two columns of a feature hold the same value, null being one; shape (n,)."""
    if left.kind in ("text", "list") or right.kind in ("text", "list"):
        pairs = zip(left.objects().tolist(), right.objects().tolist(), strict=True)
        return np.fromiter((a == b for a, b in pairs), dtype=np.bool_, count=len(left))
    a, b = left.floats(), right.floats()
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def _frame(plan: FeaturePlan, rows: list[Mapping[str, Any]]) -> Frame:
    """Requests from rows; the target's times may be texts."""
    times = plan.target.time_columns if plan.target is not None else ()
    columns = {}
    for name in plan.request_columns:
        values = [row.get(name) for row in rows]
        if name in times:
            columns[name] = Column.of_kind(values, "time")
        else:
            columns[name] = Column.of(values)
    return Frame(columns, len(rows))


# ---- nothing from the future ----------------------------------------------------------------------------


def _no_future(case: _Case) -> Verdict:
    name = "no future"
    changed: dict[str, int] = {}
    seen = 0
    cuts = np.unique(np.quantile(case.as_of, np.linspace(0.3, 1.0, _CUTS), method="inverted_cdf"))
    for cut in cuts.tolist():
        past = np.flatnonzero(case.as_of <= cut)
        for future in (_planted, _forgotten):
            other = {table: future(facts, int(cut), case.random) for table, facts in sorted(case.facts.items())}
            again = answer(case.plan, other, case.requests.take(past), case.as_of[past])
            seen += len(past)
            for feature, wrong in case.differing(again, past).items():
                changed[feature] = changed.get(feature, 0) + len(wrong)
    if changed:
        worst = max(changed, key=lambda feature: (changed[feature], feature))
        return Verdict.failed(
            name, f"{worst} changed with the future in {changed[worst]} of {seen} values", changed=changed
        )
    return Verdict.passed(name, f"{seen} requests before {2 * len(cuts)} other futures, no value changed", rows=seen)


def _forgotten(facts: Facts, cut_us: int, random: np.random.Generator) -> Facts:
    """The facts without all that became known from `cut_us` on."""
    return facts.take(facts.known < cut_us)


def _planted(facts: Facts, cut_us: int, random: np.random.Generator) -> Facts:
    """The facts, with all that became known from `cut_us` on turned into nonsense: other values, keys, times."""
    later = facts.known >= cut_us
    if not later.any():
        return facts
    columns = {name: _nonsense(column, later, random) for name, column in facts.frame.items()}
    return replace(
        facts,
        frame=Frame(columns, len(facts)),
        event=np.where(later, facts.event - random.integers(-2, 9, len(facts)) * DAY_US, facts.event),
        retract=np.where(later, random.random(len(facts)) < 0.2, facts.retract),
    )


def _nonsense(column: Column, rows: Bools, random: np.random.Generator) -> Column:
    """The column with other values at `rows`: numbers nobody has seen, or those of other rows, earlier ones too."""
    if column.kind == "number":
        return Column("number", np.where(rows, -1e6 - column.values, column.values))
    other = random.integers(0, len(column), len(column))
    places = np.where(rows, other, np.arange(len(column)))
    return column.take(places)


# ---- drivers, deliveries and orders ---------------------------------------------------------------------


def _online(case: _Case) -> Verdict:
    """The requests answered one by one by a state that is fed fact by fact, and all at once by another."""
    name = "batch = online"
    online, rest = _started(case, lambda facts: facts)
    rest = {table: facts.take(np.lexsort((facts.seq, facts.known))) for table, facts in rest.items()}
    upto = dict.fromkeys(rest, 0)
    kinds = case.requests.kinds
    for row in range(len(case.as_of)):
        now = int(case.as_of[row])
        for table, facts in rest.items():
            due = int(np.searchsorted(facts.known, now))
            online.push(table, facts.take(slice(upto[table], due)))
            upto[table] = due
        wrong = _read_wrong(case, online, row, kinds)
        if wrong is not None:
            feature, got, expected = wrong
            return Verdict.failed(name, f"{feature} is {got!r} online and {expected!r} in batch, {case.told(row)}")
    bulk, rest = _started(case, lambda facts: facts)
    for table, facts in rest.items():
        bulk.push(table, facts)
    differing = case.differing(bulk.read_many(case.requests, case.as_of))
    if differing:
        return Verdict.failed(name, f"asked in bulk, {_first(case, differing)}")
    many = len(case.as_of)
    return Verdict.passed(name, f"{many} requests x {len(case.plan.names)} features equal to the bit", rows=many)


def _started(case: _Case, order: Callable[[Facts], Facts]) -> tuple[OnlineFeatures, dict[str, Facts]]:
    """A state with all that was known at the first request, and the facts after it."""
    start = int(case.as_of[0])
    online = OnlineFeatures(case.plan)
    rest = {}
    for table in case.plan.tables:
        facts = order(case.facts[table])
        past = facts.known < start
        online.load(table, facts.take(past), start)
        rest[table] = facts.take(~past)
    return online, rest


def _read_wrong(case: _Case, online: OnlineFeatures, row: int, kinds: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The first feature that the online driver answers otherwise: its name, its value, and what it should be."""
    asked = case.requests.take(slice(row, row + 1)).rows()[0] if case.requests.names else {}
    values = online.read(asked, int(case.as_of[row]), kinds).values
    for feature in case.plan.names:
        expected = case.truth[feature].item(row)
        if values[feature] != expected:
            return feature, values[feature], expected
    return None


def _order_free(spread: _Case, tail: _Case) -> Verdict:
    name = "order-free"
    shuffled = {table: facts.take(spread.random.permutation(len(facts))) for table, facts in spread.facts.items()}
    differing = spread.differing(answer(spread.plan, shuffled, spread.requests, spread.as_of))
    if differing:
        return Verdict.failed(name, f"with the facts in another order, {_first(spread, differing)}")
    wrong = _delivered(tail, lambda parts: parts)
    if wrong is not None:
        return Verdict.failed(name, f"delivered in another order, {wrong}")
    return Verdict.passed(name, f"{len(tail.as_of)} requests, facts delivered in any order and any batches")


def _counted_once(case: _Case) -> Verdict:
    name = "counted once"
    wrong = _delivered(case, lambda parts: [*parts, *parts])
    if wrong is not None:
        return Verdict.failed(name, f"with facts delivered twice, {wrong}")
    return Verdict.passed(name, f"{len(case.as_of)} requests, each fact delivered twice")


def _delivered(case: _Case, again: Callable[[list[Facts]], list[Facts]]) -> str | None:
    """Feed facts shuffled, in batches of any size, some long before they are known and some after; what goes wrong."""
    online, rest = _started(case, lambda facts: facts.take(case.random.permutation(len(facts))))
    early = {table: case.random.random(len(facts)) < 0.3 for table, facts in rest.items()}
    delivered = {table: np.zeros(len(facts), dtype=np.bool_) for table, facts in rest.items()}
    for row in range(len(case.as_of)):
        if case.random.random() < 0.3:  # another request: what comes now comes late
            _read_wrong(case, online, row, case.requests.kinds)
        for table, facts in rest.items():
            due = np.flatnonzero(~delivered[table] & ((facts.known < case.as_of[row]) | early[table]))
            delivered[table][due] = True
            sizes = case.random.integers(1, 40, len(due))
            cuts = np.cumsum(sizes)
            parts = [facts.take(part) for part in np.split(due, cuts[cuts < len(due)]) if len(part)]
            for part in again(parts):
                online.push(table, part)
        wrong = _read_wrong(case, online, row, case.requests.kinds)
        if wrong is not None:
            feature, got, expected = wrong
            return f"{feature} is {got!r} instead of {expected!r}, {case.told(row)}"
    return None


def _by_definition(case: _Case, many: int) -> Verdict:
    """A few requests answered by the oracle, from the facts that can have a part in it."""
    name = "by definition"
    compared, left_out = 0, 0
    rows = np.sort(case.random.choice(len(case.as_of), min(many, len(case.as_of)), replace=False))
    whole = Oracle(case.plan.definitions, case.facts)  # asked where all facts have a part, and reads them once
    for row in rows.tolist():
        request = case.requests.take(slice(row, row + 1)).rows()[0] if case.requests.names else {}
        t = int(case.as_of[row])
        for definitions, facts in relevant_facts(case.plan, case.facts, request, t):
            if sum(map(len, facts.values())) > _MOST_FACTS:
                left_out += 1
                continue
            of_all = all(facts.get(name) is found for name, found in case.facts.items() if name in case.plan.tables)
            oracle = whole if of_all else Oracle(definitions, facts)
            for feature, expected in oracle.expected(request, t, case.requests.kinds).items():
                got = case.truth[feature].item(row)
                compared += 1
                if not expected.agrees(got):
                    return Verdict.failed(
                        name, f"{feature} is {got!r} and by its definition {expected.value!r}, {case.told(row)}"
                    )
    if not compared and not left_out:
        return Verdict.passed(name, "no feature looks at facts")
    if not compared:
        return Verdict.unknown(name, f"every definition would have to look at more than {_MOST_FACTS} facts")
    beside = f"; {left_out} times more than {_MOST_FACTS} facts had a part, too many to look at" if left_out else ""
    return Verdict.passed(name, f"{compared} values are what the definitions say{beside}", compared=compared)


# ---- requests and functions -----------------------------------------------------------------------------


def _row_by_row(case: _Case) -> Verdict:
    name = "row by row"
    for step in case.plan.transforms:
        wrong = _looks_around(case, step)
        if wrong is not None:
            return Verdict.failed(name, wrong)
    many = len(case.as_of)
    for said, parts in (
        ("in another order", [case.random.permutation(many)]),
        ("in parts", np.array_split(np.arange(many), min(3, many))),
    ):
        for rows in parts:
            again = answer(case.plan, case.facts, case.requests.take(rows), case.as_of[rows])
            differing = case.differing(again, rows)
            if differing:
                feature, wrong_rows = min(differing.items())
                return Verdict.failed(
                    name, f"with the requests {said}, {feature} is another, {case.told(int(rows[wrong_rows[0]]))}"
                )
    return Verdict.passed(name, f"{len(case.plan.transforms)} functions one row at a time, {many} requests re-ordered")


def _looks_around(case: _Case, step: Transform) -> str | None:
    """How a function gives itself away that looks at other rows than its own."""
    columns = _inputs(case, step)
    many = len(case.as_of)
    rows = case.random.permutation(many)
    halves = np.array_split(np.arange(many), min(2, many))
    samples = [("alone", np.array([row])) for row in rows[:_ALONE].tolist()]
    samples += [("among the same rows in another order", rows)]
    samples += [(f"among {len(half)} rows", half) for half in halves]
    for said, some in samples:
        got = _run(step, {name: column.take(some) for name, column in columns.items()}, len(some))
        if isinstance(got, str):
            return f"feature function {step.name!r} {got}"
        wrong = np.flatnonzero(~same_values(got, case.truth[step.name].take(some)))
        if len(wrong):
            row, value = int(some[wrong[0]]), got.item(int(wrong[0]))
            inputs = ", ".join(f"{name}={column.item(row)!r}" for name, column in columns.items())
            return (
                f"feature function {step.name!r} looks at other rows than its own: for row {row} ({inputs}) it gives "
                f"{case.truth[step.name].item(row)!r} among {many} rows and {value!r} {said}"
            )
    return None


def _inputs(case: _Case, step: Transform) -> dict[str, Column]:
    return {name: (case.truth if name in case.truth else case.requests)[name] for name in step.inputs}


def _run(step: Transform, columns: Mapping[str, Column], rows: int) -> Column | str:
    """The function's column, or what is wrong with what it gave."""
    made = np.asarray(step.function(**{name: column.array() for name, column in columns.items()}))
    if made.shape != (rows,):
        return f"gives shape {made.shape} for {rows} rows"
    column = Column.of(made)
    return column if column.kind in ("text", "time", "list") else column.as_kind("number")


def _pure(case: _Case) -> Verdict:
    name = "pure functions"
    for step in case.plan.transforms:
        columns = _inputs(case, step)
        arrays = {name: column.array().copy() for name, column in columns.items()}
        kept = {name: array.copy() for name, array in arrays.items()}
        first = Column.of(np.array(step.function(**arrays)))
        for needed, array in arrays.items():
            if not same_values(Column.of(array), Column.of(kept[needed])).all():
                return Verdict.failed(name, f"feature function {step.name!r} writes into its input {needed!r}; copy it")
        second = Column.of(np.array(step.function(**kept)))
        wrong = np.flatnonzero(~same_values(first, second))
        if len(wrong):
            row = int(wrong[0])
            return Verdict.failed(
                name,
                f"feature function {step.name!r} gives {first.item(row)!r} and then {second.item(row)!r} for the same "
                f"row {row}; it must depend on its inputs only",
            )
    return Verdict.passed(name, f"{len(case.plan.transforms)} functions say the same twice and write into nothing")


def _threads(case: _Case) -> Verdict:
    name = "threads"
    one, three = (answer(case.plan, case.facts, case.requests, case.as_of, threads=n) for n in (1, 3))
    for feature in case.plan.names:
        a, b = one[feature], three[feature]
        if a.kind != b.kind or (
            a.values.tobytes() != b.values.tobytes() if a.kind not in ("text", "list") else not same_values(a, b).all()
        ):
            return Verdict.failed(name, f"{feature} has other bytes with three threads than with one")
    return Verdict.passed(name, f"{len(case.as_of)} requests, the same bytes with one thread and three")


def _first(case: _Case, differing: Mapping[str, Ints]) -> str:
    feature, rows = min(differing.items())
    return f"{feature} is another in {len(rows)} of {len(case.as_of)} requests, first {case.told(int(rows[0]))}"
