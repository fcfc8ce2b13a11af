"""Law 2: batch = stream = online = oracle, for every kind of feature, over every prefix, however delivered."""

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import hindcast.features as f
from hindcast.columns import Column, Frame
from hindcast.facts import Table
from hindcast.facts.facts import Facts
from hindcast.features.batch import answer
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.testing import feature_oracle

KEYED = Table("trips", key="id", event_time="at", known="seen", start="1970-01-01T00:00:00.000004Z")
PLAIN = Table("pings", event_time="at", known="seen")
VALUES = [0.0, 1.0, -1.0, 0.1, 0.2, 0.3, 1e16, -1e16, 1e-9, 7.25]


@dataclass
class History:
    facts: Facts
    requests: Frame
    as_of: np.ndarray


def history(keyed: bool):
    """Facts with few distinct moments, so that ties, corrections, retractions and late facts are the rule."""
    row = st.tuples(
        st.integers(0, 4),  # key
        st.sampled_from(["a", "b", None]),  # entity
        st.integers(0, 3),  # second part of the entity
        st.integers(0, 24),  # event
        st.integers(-4, 24),  # known minus event: before it (a plan), at once, late
        st.sampled_from([*VALUES, None]),
        st.sampled_from(["x", "y", None]),
        st.booleans() if keyed else st.just(False),
    )
    ask = st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", "c", None]), st.integers(0, 3), st.integers(0, 50))
    return st.tuples(st.lists(row, max_size=24), st.lists(ask, min_size=1, max_size=12)).map(make)


def make(drawn) -> History:
    rows, asks = drawn
    event = np.array([r[3] for r in rows], dtype=np.int64)
    known = event + np.array([r[4] for r in rows], dtype=np.int64)
    frame = Frame(
        {
            "id": Column.of_kind([r[0] for r in rows], "integer"),
            "who": Column.of_kind([r[1] for r in rows], "text"),
            "lane": Column.of_kind([r[2] for r in rows], "integer"),
            "x": Column.of_kind([r[5] for r in rows], "number"),
            "word": Column.of_kind([r[6] for r in rows], "text"),
        },
        len(rows),
    )
    retract = np.array([r[7] and r[0] % 2 == 0 for r in rows], dtype=np.bool_)
    facts = Facts(event, known, np.arange(len(rows), dtype=np.int64) * 3 + 1, retract, frame)
    requests = Frame(
        {
            "id": Column.of_kind([a[0] for a in asks], "integer"),
            "who": Column.of_kind([a[1] for a in asks], "text"),
            "lane": Column.of_kind([a[2] for a in asks], "integer"),
            "x": Column.of_kind([float(a[0]) for a in asks], "number"),
            "word": Column.of_kind(["x"] * len(asks), "text"),
        },
        len(asks),
    )
    return History(facts, requests, np.array([a[3] for a in asks], dtype=np.int64))


def definitions(table: Table):
    found = [
        f.window(table, "x", ["count", "sum", "mean", "min", "max", "std"], over=["3us", "12us"], by="who"),
        f.window(table, "x", ["sum", "max"], over="6us", by=["who", "lane"], lag="4us"),
        f.window(table, "x", ["mean", "min"], over=("-5us", "+4us"), by="who"),
        f.window(table, "x", ["count", "max"], over="8us", by={"who": "who"}, where="x > 0.15 and word == 'x'"),
        f.window(table, "word", over="8us", by="who"),
        f.window(table, over="9us"),
        f.latest(table, "x", "word", by="who"),
        f.latest(table, "x", by="lane", max_age="5us", name="fresh"),
        f.latest(table, "word", "x", by="who", ahead=True, name="ahead"),
    ]
    if table.key:
        found.append(
            f.window(table, "x", ["count", "sum", "min", "std"], over="7us", by="who", closed="right", name="own")
        )
    return found


def same(ours, theirs, name: str) -> bool:
    if ours is None or theirs is None or isinstance(ours, str):
        return ours == theirs
    if "_std_" in name:
        return math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-14)
    return ours == theirs


def expected(table, found, history: History):
    rows = history.requests.rows()
    return [
        {k: v for d in found for k, v in feature_oracle(d, history.facts, row, int(t)).items()}
        for row, t in zip(rows, history.as_of, strict=True)
    ]


def check(table: Table, history: History, order: list[int], cuts: list[int]) -> None:
    found = definitions(table)
    plan = FeaturePlan.compile(found, target=table)
    wanted = expected(table, found, history)

    batch = answer(plan, {table.name: history.facts}, history.requests, history.as_of, threads=1)
    for ours, oracle in zip(batch.rows(), wanted, strict=True):
        wrong = {n: (ours[n], oracle[n]) for n in plan.names if not same(ours[n], oracle[n], n)}
        assert not wrong, f"batch differs from the oracle: {wrong}"
    again = answer(plan, {table.name: history.facts}, history.requests, history.as_of, threads=3)
    assert again.rows() == batch.rows()

    # delivery: what is known before a request has arrived by then, in any order and any batches
    online = OnlineFeatures(plan)
    delivered: set[int] = set()
    for at in np.argsort(history.as_of, kind="stable").tolist():
        t = int(history.as_of[at])
        due = [i for i in order if i not in delivered and (history.facts.known[i] < t or i % 3 == 0)]
        for part in np.array_split(np.array(due, dtype=np.int64), 1 + (cuts[at % len(cuts)] if cuts else 0)):
            online.push(table.name, history.facts.take(part))
        delivered.update(due)
        ours = online.read(history.requests.take(slice(at, at + 1)).rows()[0], t, history.requests.kinds).values
        assert ours == batch.rows()[at], "online differs from batch"

    fresh = OnlineFeatures(plan)
    last = int(np.argmax(history.as_of))
    fresh.load(table.name, history.facts.take(np.array(order, dtype=np.int64)), int(history.as_of[last]))
    ours = fresh.read(
        history.requests.take(slice(last, last + 1)).rows()[0], int(history.as_of[last]), history.requests.kinds
    )
    assert ours.values == batch.rows()[last], "a state loaded at once differs from batch"


orders = st.randoms(use_true_random=False)


@given(history(keyed=True), orders, st.lists(st.integers(0, 3), max_size=3))
def test_a_keyed_table_means_the_same_everywhere(history, random, cuts):
    order = list(range(len(history.facts)))
    random.shuffle(order)
    check(KEYED, history, order, cuts)


@given(history(keyed=False), orders, st.lists(st.integers(0, 3), max_size=3))
def test_a_table_without_key_means_the_same_everywhere(history, random, cuts):
    order = list(range(len(history.facts)))
    random.shuffle(order)
    check(PLAIN, history, order, cuts)


@given(history(keyed=True), history(keyed=True), st.integers(0, 50))
def test_news_from_the_as_of_on_changes_nothing(past, news, t):
    plan = FeaturePlan.compile(definitions(KEYED), target=KEYED)
    as_of = np.full(len(past.requests), t, dtype=np.int64)
    late = Facts(
        news.facts.event, np.maximum(news.facts.known, t), news.facts.seq + 1_000, news.facts.retract, news.facts.frame
    )
    before = answer(plan, {"trips": past.facts}, past.requests, as_of)
    after = answer(plan, {"trips": Facts.concat([past.facts, late])}, past.requests, as_of)
    assert before.rows() == after.rows()
