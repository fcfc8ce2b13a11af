"""Law 2: batch = online = oracle, for every aggregate over every kind of window, however facts are delivered.

Each test draws episodes with few distinct moments, so that ties, corrections, retractions, late facts and facts known
before they happen are the rule, and holds many features to their definitions at once.
"""

import numpy as np
import pytest
from hypothesis import given, settings

import hindcast.features as f
from hindcast.facts import Facts, Table
from hindcast.features.batch import answer
from hindcast.features.online import OnlineFeatures
from hindcast.features.plan import FeaturePlan
from hindcast.testing import assert_agreement, episodes
from hindcast.testing.laws import same_values
from hindcast.values import moment_us

COLUMNS = ("id", "who", "lane", "x", "w", "word", "flag")
TYPES = {"who": "text", "word": "text", "flag": "boolean", "lane": "integer"}
KEYED = Table("trips", key="id", event_time="at", known="seen", columns=COLUMNS, start="2024-11-02T04:00Z", types=TYPES)
PLAIN = Table("pings", event_time="at", known="seen", columns=COLUMNS, types=TYPES)
TABLES = [KEYED, PLAIN]
POOLS = {
    "id": [0, 1, 2, 3, 4],
    "who": ["a", "b", None],
    "lane": [0, 1, 2, None],
    "x": [0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.3, 1e16, -1e16, 1e-9, 7.25, None],
    "w": [1.0, 2.0, 0.5, 0.0, -1.0, None],
    "word": ["x", "y", "z", None],
    "flag": [True, False, None],
}
ASKED = tuple(POOLS)
START = "2024-11-02T00:00Z"
"""A day before the clocks of New York go back."""


def add(state, x):
    return (state[0] * 0.5 + x, state[1] + 1.0)


def read(state):
    return state[0] if state[1] else float("nan")


OWN = f.aggregate("fading", empty=(0.0, 0.0), add=add, read=read)
NUMBERS = [
    "count", "sum", "mean", "min", "max", "var", "std", "first", "last", "median", "distinct", "since",
    f.quantile(0.9), f.weighted_mean("w"),
    *(f.decayed(kind, half_life="3h") for kind in ("sum", "mean", "count")),
]  # fmt: skip
LISTS = [f.last_n(3), f.top(2), f.members()]
TEXTS = ["count", "first", "last", "distinct", "since"]
WINDOWS = {
    "durations": {"over": ["3h", "12h"]},
    "lagged": {"over": ["6h", "all"], "lag": "4h"},
    "ahead": {"over": ("-5h", "+4h")},
    "all": {"over": "all"},
    "tiled": {"over": "7h", "tile": "3h"},
    "tiled and lagged": {"over": "7h", "tile": "2h", "lag": "3h"},
    "to date": {"over": [f.to_date("day", zone="America/New_York"), f.to_date("week", zone="UTC")]},
    "last full": {"over": [f.last_full("day", zone="America/New_York"), f.last_full("week", zone="Asia/Kolkata")]},
    "session": {"over": [f.session("2h"), f.session("3h", at_most="8h")]},
}
UNMEASURED = ("all", "session", "lagged")
"""Windows over which no rate is defined."""


def drawn(*tables, **options):
    return episodes(tables, POOLS, **{"asked": ASKED, "start": START, **options})


def over_window(table, kind):
    """Every aggregate over one kind of window, of numbers, texts and booleans, with conditions and two keys."""
    options = WINDOWS[kind]
    rates = [] if kind in UNMEASURED else [f.rate("1h")]
    return [
        f.window(table, "x", [*NUMBERS, *LISTS, OWN, *rates], by="who", **options),
        f.window(table, "x", ["sum", "max", "median", f.last_n(2)], by=["who", "lane"], **options),
        f.window(table, "x", ["count", "min", "std", f.decayed("sum", half_life="1h")], by="who",
                 where="x > 0.15 and word == 'x'", **options),
        f.window(table, "word", [*TEXTS, *LISTS], by={"who": "who"}, **options),
        f.window(table, "flag", ["share", "sum", "last", f.top(1)], by="lane", **options),
        f.window(table, None, ["count", "since", f.decayed("count", half_life="1h"), *rates], **options),
    ]  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("kind", WINDOWS)
def test_every_aggregate_over_every_window(table, kind):
    plan = FeaturePlan.compile(over_window(table, kind))

    @settings(max_examples=20)
    @given(drawn(table))
    def holds(episode):
        assert_agreement(plan, episode)

    holds()


@pytest.mark.parametrize("zone", ["America/Havana", "Africa/Cairo", "Australia/Lord_Howe"])
def test_calendars_of_odd_clocks(zone):
    """Midnights that occur twice or never, clocks that move by half an hour; over a year's units."""
    spans = [make(unit, zone=zone) for make in (f.to_date, f.last_full) for unit in ("day", "month", "quarter", "year")]
    plan = FeaturePlan.compile([f.window(PLAIN, "x", ["count", "sum", "last", f.rate("24h")], over=spans, by="who")])
    starts = {"America/Havana": "2024-11-02T12:00Z", "Africa/Cairo": "2024-04-25T12:00Z"}

    @settings(max_examples=25)
    @given(drawn(PLAIN, start=starts.get(zone, "2024-04-05T12:00Z")), drawn(PLAIN, start="2023-06-01", step="11d"))
    def holds(near, far):
        assert_agreement(plan, near)
        assert_agreement(plan, far)

    holds()


LATEST = {
    "plain": {},
    "aged": {"max_age": "5h"},
    "ahead": {"ahead": True},
    "ahead_and_aged": {"ahead": True, "max_age": "2h"},
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_latest_of_every_kind(table):
    found = [
        f.latest(table, "x", "word", "flag", "lane", by=by, name=f"{kind}_{at}", **options)
        for kind, options in LATEST.items()
        for at, by in enumerate(("who", ["who", "lane"], {"id": "lane"}, ()))
    ]
    plan = FeaturePlan.compile(found)

    @settings(max_examples=40)
    @given(drawn(table))
    def holds(episode):
        assert_agreement(plan, episode)

    holds()


def test_windows_that_are_closed_by_the_requests_own_fact():
    decays = [f.decayed(kind, half_life="3h") for kind in ("sum", "mean", "count")]
    plain = ["count", "sum", "mean", "min", "max", "var", "std", "first", "last", "median", "distinct", "since"]
    found = [
        f.window(KEYED, "x", [*plain, f.weighted_mean("w"), *decays], over=["7h", "all"], by="who", closed="right"),
        f.window(KEYED, "x", ["sum", "last"], over="7h", tile="2h", by=["who", "lane"], closed="right", name="tiled"),
        f.window(KEYED, "x", ["count", "max"], over="7h", by="who", closed="right", where="x > 0.15 and word == 'x'"),
        f.window(KEYED, "word", ["count"], over="7h", by="who", closed="right"),
        f.window(KEYED, "flag", ["share"], over=f.to_date("day"), by="lane", closed="right"),
        f.window(KEYED, "x", ["sum", "since"], over=f.session("2h"), by="who", closed="right"),
        f.window(KEYED, "x", ["sum"], over="7h", by="who", name="open"),
    ]
    plan = FeaturePlan.compile(found, target=KEYED)

    @settings(max_examples=60)
    @given(drawn(KEYED))
    def holds(episode):
        assert_agreement(plan, episode)

    holds()


# ---- features of features ---------------------------------------------------------------------------------

ROLES = Table(
    "roles",
    key="id",
    event_time="at",
    known="seen",
    columns=("id", "who", "word"),
    types={"who": "text", "word": "text"},
)


def shout(roles_word_by_id, x):
    return np.array([None if word is None else word + "!" for word in roles_word_by_id], dtype=object)


def lane_of(lane):
    return lane * 1.0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_keys_that_are_looked_up_or_made(table):
    plan = FeaturePlan.compile(
        [
            f.latest(ROLES, "word", "who", by="id"),
            f.window(table, "x", ["sum", "last", f.members()], over="9h", by={"roles_word_by_id": "word"}),
            f.latest(table, "x", "lane", by={"roles_who_by_id": "who"}, name="theirs"),
            f.window(table, "word", ["count", f.top(2)], over="all", by={"theirs_lane_by_roles_who_by_id": "lane"}),
            f.window(table, "x", "max", over="6h", by={"lane_of": "lane"}),
            shout,
            lane_of,
        ]
    )

    @settings(max_examples=40)
    @given(drawn(ROLES, table))
    def holds(episode):
        assert_agreement(plan, episode)

    holds()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_enriched_tables(table):
    """Delivered in order of known times: what an enriched fact carries is looked up once, when it becomes visible."""
    made = f.enrich(
        table,
        f.latest(ROLES, "word", "who", by={"id": "id"}),
        f.latest(ROLES, "word", by={"who": "who"}, max_age="6h", name="fresh"),
    )
    plan = FeaturePlan.compile(
        [
            f.window(made, "x", ["sum", "last", "count"], over=["9h", "all"], by={"word": "roles_word_by_id"}),
            f.window(made, "roles_word_by_id", ["count", "last", f.top(2)], over="9h", by="who"),
            f.window(made, "x", "max", over="9h", by="who", where="fresh_word_by_who == 'x'"),
            f.latest(made, "x", "roles_who_by_id", by={"who": "roles_who_by_id"}, name="last"),
            f.latest(made, "fresh_word_by_who", by="who", max_age="4h", name="plain"),
            f.window(table, "x", "sum", over="9h", by="who"),
        ]
    )

    @settings(max_examples=40)
    @given(drawn(ROLES, table))
    def holds(episode):
        assert_agreement(plan, episode, in_order=True)

    holds()


def test_an_enriched_fact_carries_what_is_delivered_later_but_was_known_before():
    trips = Facts.of(PLAIN, [{**dict.fromkeys(COLUMNS), "id": 1, "who": "a", "at": 3, "seen": 15}])
    roles = Facts.of(ROLES, [{"id": 1, "who": "a", "word": "x", "at": 5, "seen": 10}])
    words = f.window(
        f.enrich(PLAIN, f.latest(ROLES, "word", by="id")), "roles_word_by_id", "last", over="all", by="who"
    )
    plan = FeaturePlan.compile([words])
    online = OnlineFeatures(plan)
    online.read({"who": "a"}, 18)
    online.push("pings", trips)
    online.push("roles", roles)
    assert online.read({"who": "a"}, 20).values == {words.names()[0]: "x"}


# ---- what must not matter ---------------------------------------------------------------------------------


@settings(max_examples=30)
@given(drawn(KEYED, PLAIN), drawn(KEYED, PLAIN))
def test_news_from_the_as_of_on_changes_nothing(past, news):
    plan = FeaturePlan.compile([*over_window(KEYED, "durations"), *over_window(PLAIN, "ahead")])
    t = moment_us(START) + 20 * 3_600_000_000
    as_of = np.full(len(past.requests), t, dtype=np.int64)
    both = {}
    for name, facts in past.facts.items():
        late = news.facts[name]
        late = type(late)(late.event, np.maximum(late.known, t), late.seq + 1_000, late.retract, late.frame)
        both[name] = type(late).concat([facts, late])
    before = answer(plan, past.facts, past.requests, as_of)
    after = answer(plan, both, past.requests, as_of)
    for name in plan.names:
        assert same_values(before[name], after[name]).all(), name
