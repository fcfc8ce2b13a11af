"""The answers under any budget are those in memory, to the bit; nothing is lost, and the scratch folder goes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import hindcast.features as f
from hindcast.columns import Column, Frame
from hindcast.facts import Facts, Table
from hindcast.features.batch import answer
from hindcast.features.budget import Budget
from hindcast.features.bulk import answer_batches
from hindcast.features.plan import FeaturePlan

KEYED = Table("trips", key="id", event_time="at", known="seen", start="1970-01-01T00:00:00.000004Z")
PLAIN = Table("pings", event_time="at", known="seen")
STAYS = Table("stays", key=["id", "who"], event_time="at", known="seen")
AMPLE = Budget(1 << 30, unit=1 << 30, chunk=1 << 20)


def doubled(x):
    return 2.0 * x


def worded(word, x):
    return np.array([None if np.isnan(n) or w is None else w * 2 for w, n in zip(word, x, strict=True)], dtype=object)


def definitions(table: Table) -> list:
    found = [
        f.request("word", "lane"),
        f.window(table, "x", ["count", "sum", "mean", "min", "max", "std"], over=["3us", "12us"], by="who"),
        f.window(table, "x", ["sum", "max"], over="6us", by=["who", "lane"], lag="4us"),
        f.window(table, "x", ["mean", "min"], over=("-5us", "+4us"), by="who"),
        f.window(table, "x", ["count", "max"], over="8us", by={"who": "who"}, where="x > 0.15 and word == 'x'"),
        f.window(table, "word", over="8us", by="lane"),
        f.window(table, over="9us"),
        f.latest(table, "x", "word", by="who"),
        f.latest(table, "x", by="lane", max_age="5us", name="fresh"),
        f.latest(table, "word", "x", by="who", ahead=True, name="ahead"),
        doubled,
        worded,
    ]
    if table.name == "trips":
        found.append(f.window(table, "x", ["count", "sum", "min"], over="7us", by="who", closed="right", name="own"))
    return found


PLANS = {t.name: FeaturePlan.compile(definitions(t), target=t) for t in (KEYED, PLAIN, STAYS)}

ROWS = st.tuples(
    st.integers(0, 4),  # key
    st.sampled_from(["a", "b", None]),  # entity
    st.integers(0, 3),  # second part of the entity
    st.integers(0, 24),  # event
    st.integers(-4, 24),  # known minus event
    st.sampled_from([0.0, 1.0, -1.0, 0.1, 0.3, 1e16, -1e16, 1e-9, None]),
    st.sampled_from(["x", "y", None]),
    st.booleans(),
)
ASKS = st.tuples(
    st.integers(0, 6),
    st.sampled_from(["a", "b", "c", None]),
    st.integers(0, 3),
    st.integers(0, 50),
    st.sampled_from([0.5, None]),
)
BUDGETS = st.builds(
    lambda parts, unit, chunk: Budget(1 << 30, unit=unit, chunk=chunk, parts=parts),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([1, 1 << 30]),
    st.sampled_from([1, 1_000, 1 << 20]),
)


def facts_of(rows: list, keyed: bool) -> Facts:
    event = np.array([r[3] for r in rows], dtype=np.int64)
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
    known = event + np.array([r[4] for r in rows], dtype=np.int64)
    retract = np.array([keyed and r[7] and r[0] % 2 == 0 for r in rows], dtype=np.bool_)
    return Facts(event, known, np.arange(len(rows), dtype=np.int64) * 3 + 1, retract, frame)


def requests_of(asks: list) -> Frame:
    return Frame(
        {
            "id": Column.of_kind([a[0] for a in asks], "integer"),
            "who": Column.of_kind([a[1] for a in asks], "text"),
            "lane": Column.of_kind([float(a[2]) for a in asks], "number"),  # an integer on the other side
            "x": Column.of_kind([a[4] for a in asks], "number"),
            "word": Column.of_kind(["x" if a[0] % 2 else None for a in asks], "text"),
            "as_of": Column.of_kind([a[3] for a in asks], "integer"),
        },
        len(asks),
    )


def in_memory(plan: FeaturePlan, facts: Facts, requests: Frame) -> list:
    name = next(iter(plan.tables))
    return answer(plan, {name: facts}, requests, requests["as_of"].values).to_arrow().to_pylist()


def in_bulk(plan: FeaturePlan, facts: object, requests: object, budget: Budget, place: object = None, **more) -> list:
    name = next(iter(plan.tables))
    batches = list(answer_batches(plan, {name: facts}, requests, memory=budget, scratch=place, **more))
    return pa.Table.from_batches(batches).to_pylist()


@pytest.mark.parametrize("table", [KEYED, PLAIN, STAYS], ids=lambda table: table.name)
@given(st.lists(ROWS, max_size=24), st.lists(ASKS, max_size=12), BUDGETS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_any_budget_gives_the_answers_in_memory(table, rows, asks, budget):
    facts, requests = facts_of(rows, bool(table.key)), requests_of(asks)
    plan = PLANS[table.name]
    assert in_bulk(plan, facts, requests, budget) == in_memory(plan, facts, requests)


bounded = [
    f.window(KEYED, "x", ["count", "sum", "min", "std"], over=["3us", "5us"]),
    f.latest(KEYED, "x", max_age="4us", name="fresh"),
    f.window(KEYED, "x", ["max"], over="4us", by="who"),
    f.window(KEYED, "x", ["count"], over="4us", by="who", closed="right", name="own"),
]
BOUNDED = FeaturePlan.compile(bounded, target=KEYED)


@given(st.lists(ROWS, max_size=30), st.lists(ASKS, min_size=4, max_size=20))
@settings(max_examples=40, deadline=None, phases=[Phase.generate])
def test_one_entity_can_be_divided_by_time(rows, asks):
    """Every version of a key, whatever its event, ends the one before it in every stretch that sees that one."""
    facts, requests = facts_of(rows, keyed=True), requests_of(asks)
    tiny = Budget(1 << 30, unit=1, chunk=300, parts=1)
    assert in_bulk(BOUNDED, facts, requests, tiny) == in_memory(BOUNDED, facts, requests)


EDGES = Table("edges", event_time="at", known="seen")
HOMES = Table("homes", key="id", event_time="at", known="seen")
TRIPS = f.enrich(KEYED, f.latest(HOMES, "word", "x", by="id", name="home"))


def half(x):
    return np.where(np.isnan(x), -1.0, np.floor(x / 2))


STAGED = FeaturePlan.compile(
    [
        f.window(TRIPS, "home_x_by_id", ["sum", "count"], over="9us", by="who"),
        f.window(TRIPS, "x", "count", over="9us", by={"word": "home_word_by_id"}),
        f.latest(KEYED, "word", "lane", by="who"),
        f.window(HOMES, "x", ["max", f.last_n(2)], over="20us", by={"trips_word_by_who": "word"}, name="of_word"),
        f.window(EDGES, "word", [f.last_n(3), f.members()], over="20us", by="who"),
        f.latest(EDGES, "x", by={"trips_lane_by_who": "lane"}, name="of_lane"),
        doubled,
    ],
    target=KEYED,
)


@given(st.lists(ROWS, max_size=24), st.lists(ROWS, max_size=24), st.lists(ASKS, max_size=10), BUDGETS)
@settings(max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
def test_enriched_tables_and_looked_up_keys_are_answered_stage_by_stage(trips, homes, asks, budget):
    facts = {"trips": facts_of(trips, True), "homes": facts_of(homes, True), "edges": facts_of(homes[::-1], False)}
    requests = requests_of(asks)
    expected = answer(STAGED, facts, requests, requests["as_of"].values).to_arrow().to_pylist()
    batches = answer_batches(STAGED, facts, requests, memory=budget)
    assert pa.Table.from_batches(list(batches)).to_pylist() == expected
