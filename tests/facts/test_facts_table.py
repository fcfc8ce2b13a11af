from __future__ import annotations

from dataclasses import replace

import pytest

from hindcast.columns import Frame
from hindcast.errors import ConfigError, UnknownName
from hindcast.facts import Facts, Table, after, before, check_views, files
from hindcast.values import BEGINNING, DAY_US, HOUR_US, canonical, moment_us

NOON = moment_us("2013-07-01T12:00:00Z")


def test_known_time_must_be_declared_exactly_once():
    with pytest.raises(ConfigError, match="nothing says when its facts become known"):
        Table("flights", event_time="scheduled")
    with pytest.raises(ConfigError, match="twice"):
        Table("flights", event_time="scheduled", known="event", known_after="1h")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "two words", "known": "always"},
        {"name": "_hidden", "known": "always"},
        {"name": "t", "known": "event"},
        {"name": "t", "known_after": "1h"},
        {"name": "t", "known": "always", "key": ["a", "a"]},
        {"name": "t", "known": "always", "columns": ["_seq"]},
        {"name": "t", "known": "always", "types": {"a": "float"}},
        {"name": "t", "known": "always", "zone": "Mars/Olympus"},
        {"name": "t", "known_after": "-1h", "event_time": "at"},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        Table(**wrong)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"known": "event"}, NOON),
        ({"known_after": "1h"}, NOON + HOUR_US),
        ({"known": "published"}, NOON - DAY_US),
        ({"known": after("published", "2h")}, NOON - DAY_US + 2 * HOUR_US),
        ({"known": before("at", "30d")}, NOON - 30 * DAY_US),
        ({"known": "arrival"}, 77),
        ({"known": "always"}, BEGINNING),
    ],
)
def test_each_way_to_declare_the_known_time(declared, expected):
    table = Table("t", event_time="at", **declared)
    rows = [{"at": "2013-07-01T12:00:00Z", "published": "2013-06-30T12:00:00Z"}]
    facts = Facts.of(table, rows, seq_from=5, arrival_us=77)
    assert (facts.event.tolist(), facts.known.tolist(), facts.seq.tolist()) == ([NOON], [expected], [5])
    assert facts.visible(expected).tolist() == [False], "known at t is not known before t"
    assert facts.visible(expected + 1).tolist() == [True]


def test_without_an_event_time_a_fact_happens_when_it_is_known():
    assert Facts.of(Table("planes", known="always"), [{"seats": 3}]).event.tolist() == [BEGINNING]
    assert Facts.of(Table("planes", known="arrival"), [{"seats": 3}], arrival_us=9).event.tolist() == [9]


def test_rows_are_facts_absent_or_refused_with_their_first_fault():
    table = Table("t", key="id", event_time="at", known="seen")
    good = "2013-07-01T12:00:00Z"
    frame = Frame.of(
        {
            "id": ["a", "b", "c", None, "e", "f", "g"],
            "at": [good, None, "soon", good, good, "1066-10-14", good],
            "seen": [good, "never", good, good, None, good, "2350-01-01"],
        }
    )
    derived = table.derive(frame, seq_from=0, arrival_us=NOON - 1)
    assert derived.rows.tolist() == [0]
    assert derived.absent == 0, "row 2 has a faulty known time, so it is refused rather than absent"
    faults = [(r.row, r.column, r.reason) for r in derived.refusals]
    assert [f[:2] for f in faults] == [(2, "seen"), (3, "at"), (4, "id"), (5, "seen"), (6, "at"), (7, "seen")]
    assert "is not a time" in faults[0][2]
    assert "key" in faults[2][2]
    assert "known" in faults[3][2]
    assert "1900" in faults[4][2]
    assert derived.future == 1
    none = table.derive(Frame.of({"id": ["a"], "at": [None], "seen": [good]}), seq_from=0, arrival_us=0)
    assert (none.absent, len(none.facts), none.refusals) == (1, 0, [])


def test_a_missing_column_is_answered_with_close_names():
    table = Table("t", key="flight_id", known="always")
    with pytest.raises(UnknownName, match=r"flight_id.*Did you mean 'flightid'"):
        table.facts_of(Frame.of({"flightid": ["a"]}), seq_from=0, arrival_us=0)


def test_columns_are_kept_as_declared():
    table = Table("t", key=("a", "b"), event_time="at", known="event", columns=["x", "at"])
    frame = Frame.of({"x": [1], "y": [2], "b": ["q"], "a": ["p"], "at": ["2013-07-01"]})
    facts, _ = table.facts_of(frame, seq_from=0, arrival_us=0)
    assert facts.frame.names == ["a", "b", "at", "x"]
    assert facts.frame["at"].kind == "time"


def test_the_description_names_the_meaning_and_not_the_place():
    here = Table("t", files("a.csv"), event_time="at", known_after="60m", start="2013-01-01")
    there = Table("t", files("b.csv"), event_time="at", known_after="1h", start="2013-01-01T00:00:00Z")
    assert canonical(here.describe()) == canonical(there.describe())
    assert here == there
    assert here.start_us == moment_us("2013-01-01")
    assert replace(here, name="u").describe()["table"] == "u"
    hash(here)
    assert canonical(here.describe()) != canonical(replace(here, known_after="2h").describe())


def test_views_of_one_source_say_which_columns_are_theirs():
    raw = files("a.csv")
    plan = Table("plan", raw, event_time="at", known="event", columns=["x"])
    with pytest.raises(ConfigError, match="columns= for 'outcome'"):
        check_views([plan, Table("outcome", raw, event_time="at", known="event")])
    check_views([plan, replace(plan, name="other"), Table("alone", files("a.csv"), known="always")])
    with pytest.raises(ConfigError, match="two tables"):
        check_views([plan, plan])
